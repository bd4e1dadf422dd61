package io.github.peft4j.methods.adamix;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.Trainable;
import java.util.Map;

/**
 * Makes one ordinary adapter of the experts of an AdaMix adapter: each of its maps is their mean.
 * It computes what the AdaMix adapter does, as fast as one expert.
 *
 * <pre>{@code
 * Averaged.of(model, "default", "plain").save("plain", Path.of("adapter"));
 * model.saveAdapterHub("plain", Path.of("for-adapterhub"));   // of bottlenecks
 * }</pre>
 */
public final class Averaged {

  private Averaged() {}

  /**
   * Adds the mean of an adapter's experts and makes it the active adapter: a bottleneck adapter, or
   * a LoRA.
   *
   * @param from name of an AdaMix adapter
   * @param to name of the mean, which must be new
   * @return the model
   * @throws IllegalArgumentException if {@code from} is no AdaMix adapter
   */
  public static PeftModel of(PeftModel model, String from, String to) {
    Adapter source = model.adapter(from);
    if (!(source.config() instanceof Mixture mixture)) {
      throw new IllegalArgumentException(
          "'" + from + "' is of type " + source.type() + "; expected an adapter of AdaMix");
    }
    Map<String, Trainable> means = model.adapt(to, mixture.averaged()).adapter(to).tensors();
    source.tensors().forEach((name, tensor) -> copy(name, tensor.value(), means));
    return model;
  }

  private static void copy(String name, NDArray experts, Map<String, Trainable> means) {
    Trainable mean = means.get(name);
    if (mean == null) {
      throw new IllegalStateException("the mean has no tensor " + name);
    }
    try (Scope scope = new Scope()) {
      boolean single = experts.getShape().equals(mean.value().getShape());
      Tensors.copy(mean.value(), single ? experts : Autograd.without(() -> Routes.mean(experts)));
    }
  }
}
