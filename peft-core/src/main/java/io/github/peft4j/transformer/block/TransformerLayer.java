package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.kernel.host.StreamedWeights;
import io.github.peft4j.kernel.host.StreamedWeights.Next;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.site.LayerSite;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** A layer of residual branches: (B, T, D) → (B, T, D). */
public final class TransformerLayer extends NamedBlock {

  /** How the branches follow each other. */
  public enum Residual {
    /** Each branch reads the sum of the former: x + f(x), then y + g(y). */
    SEQUENTIAL,
    /** All branches read the layer's input: x + f(x) + g(x) (Wang and Komatsuzaki 2021, GPT-J). */
    PARALLEL
  }

  private final List<Sublayer> sublayers;
  private final Residual residual;
  private final LayerSite site;
  private StreamedWeights.@Nullable Layer streamed;

  /**
   * Creates a layer.
   *
   * @param parts all blocks of the layer in the checkpoint's order
   * @param sublayers the branches, which use those blocks
   */
  public TransformerLayer(
      String name,
      LayerSite.Place place,
      List<NamedBlock> parts,
      List<Sublayer> sublayers,
      Residual residual) {
    super(name);
    this.sublayers = sublayers;
    this.residual = residual;
    parts.forEach(this::part);
    this.site = publish(new LayerSite(name, place, (x, context) -> branches(x, Pass.of(context))));
    sublayers.forEach(sublayer -> publish(sublayer.site()));
  }

  /**
   * Computes the layer as a segment of the pass's tape.
   *
   * @param trains whether the layer reads a tensor that depends on trained ones
   */
  NDArray segment(NDArray x, boolean trains, Pass pass) {
    Tape tape = pass.tape();
    boolean trained = tape.isRecording() && (trains || trains(pass.adapters()));
    boolean ofKernels = tape.isRecording() && pass.adapters().areMadeOfKernels(sites());
    Pass own = pass.ofKernels(ofKernels);
    UnaryOperator<NDArray> layer = in -> present(in, own);
    StreamedWeights.Layer weights = streamed;
    if (weights != null) {
      tape.runNextAgain(back -> weights.during(Next.BEFORE, back));
    }
    return ofKernels ? tape.segmentOfKernels(x, trained, layer) : tape.segment(x, trained, layer);
  }

  /** Computes the layer while its weights are on the device. */
  private NDArray present(NDArray x, Pass pass) {
    StreamedWeights.Layer weights = streamed;
    if (weights == null) {
      return forward(x, pass);
    }
    Tape tape = pass.tape();
    Next next =
        tape.isRunningAgain() ? Next.BEFORE : tape.isRecording() ? Next.TURNING : Next.BEHIND;
    return weights.during(next, () -> forward(x, pass));
  }

  /** Moves the layer's frozen tensors to the host. They come from there for each computation. */
  public void stream(StreamedWeights weights) {
    List<ParameterSite> all =
        sites().filter(ParameterSite.class::isInstance).map(ParameterSite.class::cast).toList();
    ParameterSite.Copies copies =
        new ParameterSite.Copies() {
          @Override
          public NDArray put(NDArray onDevice) {
            return weights.put(onDevice);
          }

          @Override
          public NDArray get(NDArray onHost) {
            return weights.get(onHost);
          }

          @Override
          public boolean areInUse() {
            StreamedWeights.Layer layer = streamed;
            return layer != null && layer.isRunning();
          }
        };
    all.forEach(parameter -> parameter.waitOnHost(copies));
    streamed =
        weights.add(
            () -> all.stream().flatMap(parameter -> parameter.waiting().stream()).toList(),
            arrays -> here(all, arrays));
  }

  private static void here(List<ParameterSite> parameters, @Nullable NDList arrays) {
    int from = 0;
    for (ParameterSite parameter : parameters) {
      int to = from + parameter.waiting().size();
      parameter.here(arrays == null ? null : arrays.subList(from, to));
      from = to;
    }
  }

  NDArray forward(NDArray x, Pass pass) {
    return site.forward(x, pass);
  }

  private NDArray branches(NDArray x, Pass pass) {
    return residual == Residual.PARALLEL ? parallel(x, pass) : sequential(x, pass);
  }

  long dimension() {
    return site.place().dimension();
  }

  private NDArray sequential(NDArray x, Pass pass) {
    NDArray h = x;
    for (Sublayer sublayer : sublayers.subList(0, sublayers.size() - 1)) {
      h = sublayer.forward(h, pass);
    }
    Sublayer last = sublayers.get(sublayers.size() - 1);
    boolean ends = last.isByPosition() && pass.adapters().at(site).isEmpty();
    return ends
        ? pass.tape().endByPosition(h, some -> last.forward(some, pass))
        : last.forward(h, pass);
  }

  /** Branches may share their norm, which is computed once then. */
  private NDArray parallel(NDArray x, Pass pass) {
    NDArray sum = x;
    @Nullable Norm former = null;
    NDArray h = x;
    for (Sublayer sublayer : sublayers) {
      Norm norm = sublayer.normBefore();
      if (norm != former) {
        h = norm == null ? x : norm.forward(x, pass);
        former = norm;
      }
      sum = Ops.add(sum, sublayer.branch(x, h, pass));
    }
    return sum;
  }
}
