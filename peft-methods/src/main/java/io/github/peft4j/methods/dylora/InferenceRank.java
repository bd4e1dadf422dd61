package io.github.peft4j.methods.dylora;

import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.adapter.AdapterPart;
import io.github.peft4j.tuner.site.Rewrite;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The rank at which a DyLoRA computes outside of training steps, evaluations included. It is saved
 * with the adapter. All ranks stay in memory and in the file.
 *
 * <pre>{@code
 * for (int b = 1; b <= 8; b++) {
 *   InferenceRank.set(model, "default", b);
 *   System.out.println(b + ": " + evaluation.run(model));
 * }
 * InferenceRank.set(model, "default", 4);
 * model.combine("plain", Combination.of("default")).save("plain", Path.of("lora-of-rank-4"));
 * }</pre>
 */
public final class InferenceRank {

  private InferenceRank() {}

  /**
   * Sets the rank. Calls that are running meanwhile may compute with either rank.
   *
   * @param adapter name of a DyLoRA adapter
   * @param rank from 1 to the adapter's r
   * @return the model
   * @throws IllegalArgumentException if the adapter is no DyLoRA, or the rank is out of range
   * @throws IllegalStateException if adapters are merged, which keeps the rank that they had
   */
  public static PeftModel set(PeftModel model, String adapter, int rank) {
    Adapter named = model.adapter(adapter);
    List<DyLoraConfig> configs =
        named.parts().stream()
            .map(AdapterPart::config)
            .filter(DyLoraConfig.class::isInstance)
            .map(DyLoraConfig.class::cast)
            .toList();
    if (configs.isEmpty()) {
      throw new IllegalArgumentException(
          "'" + adapter + "' is of type " + named.type() + "; expected a DyLoRA");
    }
    configs.forEach(config -> config.inferenceRank(rank)); // checks the range
    if (model.isMerged()) {
      throw new IllegalStateException(
          "adapters are merged at the rank that they had; call unmerge() before you set another");
    }
    layers(named.rewrites()).forEach(layer -> layer.rank().inference(rank));
    return model;
  }

  /** The rank of an adapter's layers; empty if none is a DyLoRA. */
  static Optional<Integer> of(List<Rewrite> layers) {
    return layers(layers).map(layer -> layer.rank().inference()).findFirst();
  }

  private static Stream<DyLoraLinear> layers(List<Rewrite> layers) {
    return layers.stream()
        .map(Rewrite::layer)
        .filter(DyLoraLinear.class::isInstance)
        .map(DyLoraLinear.class::cast);
  }
}
