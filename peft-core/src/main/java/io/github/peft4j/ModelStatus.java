package io.github.peft4j;

import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.site.Rewrite;
import io.github.peft4j.tuner.site.Site;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The current state of a model's adapters and layers, like Hugging Face PEFT's {@code
 * get_model_status} and {@code get_layer_status}.
 *
 * @param base the frozen model's class name in transformers
 * @param precision the type that it computes in
 * @param composition the active composition
 * @param baseParameters number of elements of the frozen model
 * @param adapters in the order they were added
 * @param layers the sites that adapters rewrite, in the model's order
 */
public record ModelStatus(
    String base,
    Precision precision,
    Composition composition,
    long baseParameters,
    List<AdapterStatus> adapters,
    List<LayerStatus> layers) {

  /**
   * One adapter.
   *
   * @param type PEFT's name of its method
   * @param active whether it takes part in forward passes; a merged adapter does not
   * @param trainable whether training may change it, so whether it is not frozen
   * @param merged whether it is merged into the frozen weights
   * @param parameters number of trained elements
   * @param layers number of sites that it rewrites
   * @param devices the devices that hold its tensors
   */
  public record AdapterStatus(
      String name,
      String type,
      boolean active,
      boolean trainable,
      boolean merged,
      long parameters,
      int layers,
      List<String> devices) {}

  /**
   * One site.
   *
   * @param name the Hugging Face module name
   * @param kind the site's class name, such as {@code LinearSite}
   * @param rewrites the layer class of each adapter there, such as {@code LoraLinear}, by adapter
   *     name
   */
  public record LayerStatus(String name, String kind, Map<String, String> rewrites) {}

  static ModelStatus of(PeftModel model) {
    List<AdapterStatus> adapters =
        model.adapters().values().stream().map(adapter -> status(model, adapter)).toList();
    return new ModelStatus(
        model.base().architecture(),
        model.base().precision(),
        model.active(),
        model.base().size(),
        adapters,
        layers(model));
  }

  private static AdapterStatus status(PeftModel model, Adapter adapter) {
    boolean chosen = model.active().adapters().contains(adapter.name());
    return new AdapterStatus(
        adapter.name(),
        adapter.type(),
        chosen && !model.isMerged(),
        !adapter.isFrozen(),
        chosen && model.isMerged(),
        adapter.size(),
        adapter.rewrites().size(),
        adapter.tensors().values().stream()
            .map(Trainable::value)
            .map(value -> value.getDevice().toString())
            .distinct()
            .toList());
  }

  private static List<LayerStatus> layers(PeftModel model) {
    Map<Site<?, ?>, Map<String, String>> rewrites = new LinkedHashMap<>();
    model.base().sites().forEach(site -> rewrites.put(site, new LinkedHashMap<>()));
    for (Adapter adapter : model.adapters().values()) {
      for (Rewrite rewrite : adapter.rewrites()) {
        rewrites
            .computeIfAbsent(rewrite.site(), site -> new LinkedHashMap<>())
            .put(adapter.name(), rewrite.layer().getClass().getSimpleName());
      }
    }
    return rewrites.entrySet().stream()
        .filter(entry -> !entry.getValue().isEmpty())
        .map(
            entry ->
                new LayerStatus(
                    entry.getKey().name(),
                    entry.getKey().getClass().getSimpleName(),
                    entry.getValue()))
        .toList();
  }

  @Override
  public String toString() {
    String row = "%n%-16s %-16s %-7s %-9s %-7s %14s %7s  %s";
    StringBuilder text =
        new StringBuilder(
            String.format(
                Locale.ROOT,
                "%s, %,d parameters in %s; %s: %s",
                base,
                baseParameters,
                precision,
                adapters.stream().anyMatch(AdapterStatus::merged) ? "merged" : "active",
                composition));
    text.append(
        String.format(
            row, "adapter", "type", "active", "trainable", "merged", "parameters", "layers", "on"));
    for (AdapterStatus a : adapters) {
      text.append(
          String.format(
              Locale.ROOT,
              row,
              a.name,
              a.type,
              yes(a.active),
              yes(a.trainable),
              yes(a.merged),
              String.format(Locale.ROOT, "%,d", a.parameters),
              a.layers,
              String.join(", ", a.devices)));
    }
    return text.toString();
  }

  private static String yes(boolean value) {
    return value ? "yes" : "no";
  }
}
