package io.github.peft4j.methods.xlora;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.composition.Fusing;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * y + g Σᵢ pᵢ (yᵢ − y), where y = W x + b and yᵢ is the output with adapter i. LoRA is linear, so
 * this is what PEFT computes as y + g Σᵢ Δᵢ (pᵢ x).
 */
final class XLoraLinear extends TunerLayer<NDArray, NDArray> implements Fusing<NDArray, NDArray> {

  private static final Kernel MIX =
      Kernel.of(
          """
          def mix(ys: List[Tensor]) -> Tensor:                   # p (B, T, L or 1, n), y, y1, …, yn
              place = {place}
              if torch.size(ys[0], 2) == 1:
                  place = 0
              p = torch.select(ys[0], 2, place)                  # (B, T, n)
              if {k} > 0:
                  values, indices = torch.topk(p, max({k}, 1), -1)
                  p = torch.mul(p, torch.scatter(torch.zeros_like(p), -1, indices, 1))
              if {softmax}:
                  kept = torch.ne(p, 0)
                  lost = torch.logical_not(kept)
                  p = torch.softmax(torch.masked_fill(p, lost, float("-inf")), -1)
                  p = torch.masked_fill(p, lost, 0.)
              sum = torch.mul(torch.narrow(p, -1, 0, 1), torch.sub(ys[2], ys[1]))
              for i in range(1, {n}):
                  change = torch.sub(ys[i + 2], ys[1])
                  sum = torch.add(sum, torch.mul(torch.narrow(p, -1, i, 1), change))
              return torch.add(ys[1], torch.mul(sum, {weight}).to(ys[1].dtype))
          """);

  private final Classifier classifier;
  private final Kernel mix;

  /**
   * Creates a layer that reads a classifier.
   *
   * @param place the index of its module among those that have adapters, from 0
   */
  XLoraLinear(XLoraConfig config, Classifier classifier, int place) {
    this(config, classifier, place, 0, null);
  }

  private XLoraLinear(
      XLoraConfig config,
      @Nullable Classifier classifier,
      int place,
      int modules,
      @Nullable Initializer initial) {
    this.classifier =
        classifier == null && initial != null
            ? new Classifier(config, modules, initial, declarations())
            : Objects.requireNonNull(classifier);
    reads(this.classifier.weights());
    Integer k = config.topKLora();
    this.mix =
        MIX.with("place", place)
            .with("k", k == null ? 0 : k)
            .with("softmax", config.enableSoftmaxTopk() ? "True" : "False")
            .with("n", config.adapters().size())
            .with("weight", config.globalScalingWeight());
  }

  /** The layer of the first module, which has the classifier of all. */
  static XLoraLinear first(XLoraConfig config, int modules, Initializer initial) {
    return new XLoraLinear(config, null, 0, modules, initial);
  }

  Classifier classifier() {
    return classifier;
  }

  @Override
  public boolean readsWholeTexts() {
    return true;
  }

  @Override
  public String whyOneTextPerRow() {
    return "X-LoRA runs the frozen model on a row first";
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) {
    return Fusing.super.forward(x, base);
  }

  @Override
  public NDArray fuse(
      NDArray x, Forward<NDArray, NDArray> base, List<Forward<NDArray, NDArray>> parts) {
    NDArray p = base.context().rows().of(base.context().value(classifier.weights()));
    boolean tokens = x.getShape().dimension() == 3 && x.getShape().get(1) == p.getShape().get(1);
    if (!tokens) {
      throw new IllegalArgumentException(
          "X-LoRA has weights for %d tokens of each text, but a module with adapters reads an array of shape %s: mix LoRAs of modules that read all tokens, and use no prompt beside it"
              .formatted(p.getShape().get(1), x.getShape()));
    }
    NDList ys = new NDList(p, base.forward(x));
    parts.forEach(part -> ys.add(part.forward(x)));
    return mix.callWithLists(ys).singletonOrThrow();
  }
}
