package io.github.peft4j.quantization;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.MatrixProduct;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Products x Wᵀ + b with a frozen matrix that is made dense for each of them, in the forward and
 * again in the backward pass. The dense copy is freed after each product.
 */
final class DenseProduct {

  private static final Kernel LINEAR =
      Kernel.of(
          MatrixProduct.text()
              + """
              def linear(x: Tensor, weight: Tensor) -> Tensor:               # (…, in), (out, in)
                  return product(x, weight.to(x.dtype), None)
              """);
  private static final Kernel LINEAR_BIAS =
      Kernel.of(
          MatrixProduct.text()
              + """
              def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
                  return product(x, weight.to(x.dtype), bias.to(x.dtype))
              """);
  private static final Kernel BACK =
      Kernel.of(
          MatrixProduct.textWithSum()
              + """
              def back(g: Tensor, weight: Tensor, sum_x: Tensor) -> Tensor:  # g (…, out) → (…, in)
                  flat = torch.reshape(g, [-1, torch.size(g, -1)])
                  onward = onto(sum_x, flat, torch.t(weight.to(g.dtype)))
                  size = torch.slice(torch.size(g), 0, -1)
                  return torch.reshape(onward, torch.add(size, [torch.size(onward, 1)]))
              """);

  /**
   * For PyTorch's graph: (in, out), neither a view itself, nor do the products take views of it.
   */
  private static final Kernel TURNED =
      Kernel.of(
          """
          def turned(weight: Tensor, x: Tensor) -> Tensor:
              return torch.detach(torch.t(weight.to(x.dtype)))
          """);

  private static final Kernel GRAPH =
      Kernel.of(
          """
          def linear(x: Tensor, turned: Tensor) -> Tensor:
              y = torch.mm(torch.reshape(x, [-1, torch.size(x, -1)]), turned)
              return torch.reshape(y, torch.add(torch.slice(torch.size(x), 0, -1), [torch.size(turned, 1)]))
          """);
  private static final Kernel GRAPH_BIAS =
      Kernel.of(
          """
          def linear(x: Tensor, turned: Tensor, bias: Tensor) -> Tensor:
              y = torch.addmm(bias.to(x.dtype), torch.reshape(x, [-1, torch.size(x, -1)]), turned)
              return torch.reshape(y, torch.add(torch.slice(torch.size(x), 0, -1), [torch.size(turned, 1)]))
          """);
  private static final Kernel UNREAD =
      Kernel.of(
          Kernel.UNREAD
              + """
              def map(x: Tensor) -> Tensor:
                  return unread(x, {out})
              """);
  private static final Kernel BIAS =
      Kernel.of(
          """
          def sum(g: Tensor, bias: Tensor) -> Tensor:
              return torch.sum_to_size(g, torch.size(bias)).to(bias.dtype)
          """);

  private final Kernel dense;
  private final NDArray[] parts;
  private final Kernel map;
  private final Kernel mapBias;

  /**
   * Creates the products of a matrix.
   *
   * @param dense makes the matrix (out, in) of the parts
   * @param out the number of rows of the matrix
   * @param parts what is stored; the caller closes them, later than the last backward pass
   */
  DenseProduct(Kernel dense, long out, NDArray... parts) {
    this.dense = dense;
    this.parts = parts.clone();
    String stored =
        IntStream.range(0, parts.length)
            .mapToObj(i -> "part" + i)
            .collect(Collectors.joining(", "));
    Kernel back = Kernel.of("def back(g, sum_x, " + stored + ")").by(this::back);
    Kernel backBias = Kernel.of("def back(g, sum_x, bias, " + stored + ")").by(this::backBias);
    Kernel biasAlone =
        Kernel.of("def back(g, bias)").by(given -> new NDList(sum(given.get(0), given.get(1))));
    Kernel unread = UNREAD.with("out", out);
    Kernel alone =
        Kernel.of("def map(x, " + stored + ")")
            .by(given -> new NDList(product(given.get(0), null)));
    this.map =
        Kernel.of("def map(x, " + stored + ")")
            .derivative("x", null, back)
            .late(unread, alone)
            .by(given -> new NDList(product(given.get(0), null)));
    Kernel withBias =
        Kernel.of("def map(x, bias, " + stored + ")")
            .by(given -> new NDList(product(given.get(0), given.get(1))));
    this.mapBias =
        Kernel.of("def map(x, bias, " + stored + ")")
            .derivative("x", null, back)
            .derivative("bias", null, biasAlone)
            .derivative("x, bias", null, backBias)
            .late(unread, withBias)
            .by(given -> new NDList(product(given.get(0), given.get(1))));
  }

  /**
   * The map.
   *
   * @param x (…, in)
   * @param bias (out), or null
   * @return (…, out), in the precision of x
   */
  NDArray map(NDArray x, @Nullable NDArray bias) {
    boolean graph =
        Autograd.isRecording()
            && !Kernel.isNoted()
            && (Autograd.requiresGradient(x) || (bias != null && Autograd.requiresGradient(bias)));
    if (graph) {
      return recorded(x, bias);
    }
    return bias == null ? map.call(with(x)) : mapBias.call(with(x, bias));
  }

  private NDArray[] with(NDArray... first) {
    NDArray[] all = new NDArray[first.length + parts.length];
    System.arraycopy(first, 0, all, 0, first.length);
    System.arraycopy(parts, 0, all, first.length, parts.length);
    return all;
  }

  private NDArray product(NDArray x, @Nullable NDArray bias) {
    try (Scope scope = new Scope()) {
      NDArray weight = Autograd.without(() -> dense.call(parts));
      return scope.keep(bias == null ? LINEAR.call(x, weight) : LINEAR_BIAS.call(x, weight, bias));
    }
  }

  /** The product in PyTorch's graph, which would keep the dense copy for its backward pass. */
  private NDArray recorded(NDArray x, @Nullable NDArray bias) {
    try (Scope scope = new Scope()) {
      NDArray weight = turned(x);
      NDArray y = bias == null ? GRAPH.call(x, weight) : GRAPH_BIAS.call(x, weight, bias);
      Tape.remake(weight, this::turned);
      return scope.keep(y);
    }
  }

  private NDArray turned(NDArray like) {
    return Autograd.without(
        () -> {
          try (Scope scope = new Scope()) {
            return scope.keep(TURNED.call(dense.call(parts), like));
          }
        });
  }

  /** (g, the sum so far, …) → the gradient of x. */
  private NDList back(NDList given) {
    try (Scope scope = new Scope()) {
      return new NDList(scope.keep(BACK.call(given.get(0), dense.call(parts), given.get(1))));
    }
  }

  /** (g, the sum so far, bias, …) → the gradients of x and of the bias. */
  private NDList backBias(NDList given) {
    NDList gradients = back(given);
    gradients.add(sum(given.get(0), given.get(2)));
    return gradients;
  }

  private static NDArray sum(NDArray g, NDArray bias) {
    return BIAS.call(g, bias);
  }
}
