package io.github.peft4j.methods.lora.probe;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.PeftModel;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.ActiveAdapters;
import io.github.peft4j.tuner.site.AdapterLayers;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;

/** Layers that pass the inputs of linear maps on and show them. */
public final class InputProbes {

  private static final String NAME = "probes";

  private InputProbes() {}

  /**
   * The linear maps that a config adapts.
   *
   * @throws IllegalArgumentException if there are none
   */
  public static List<LinearSite> targets(LoraConfig config, PeftModel model) {
    Initializer none = new Initializer(model.base().manager(), Precision.FLOAT32, 0);
    Sites sites = new Sites(model.base().sites(), Map.of(), none, (site, key) -> false, null);
    return config.targets().linear(sites).required();
  }

  /**
   * Probes at some linear maps, for passes of the frozen model.
   *
   * @param reader gets each map's input (…, in) in every pass
   */
  public static ActiveAdapters at(
      List<LinearSite> sites, PeftModel model, BiConsumer<LinearSite, NDArray> reader) {
    AdapterLayers probes = new AdapterLayers();
    sites.forEach(site -> probes.put(site, new Probe(site, reader)));
    return model.base().resolve(Composition.of(NAME), Map.of(NAME, probes));
  }

  private static final class Probe extends TunerLayer<NDArray, NDArray> {

    private final LinearSite site;
    private final BiConsumer<LinearSite, NDArray> reader;

    Probe(LinearSite site, BiConsumer<LinearSite, NDArray> reader) {
      this.site = site;
      this.reader = reader;
    }

    @Override
    public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) {
      reader.accept(site, x);
      return base.forward(x);
    }
  }
}
