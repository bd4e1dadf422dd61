package io.github.peft4j.adapter.layout;

import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.config.TargetedConfig;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TrainableCopy;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Site;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The tensors of one adapter by their names in Hugging Face PEFT's file. peft4j uses the same
 * names.
 *
 * @param layout of the method's files
 * @param stored shapes of the tensors in the adapter's file, by name; null for a fresh adapter
 */
public record PeftNames<C extends PeftConfig>(
    PeftLayout<C> layout, @Nullable Map<String, long[]> stored) {

  /** Whether the file holds the tensor with this site and key. */
  public boolean isStored(Site<?, ?> site, String key) {
    return inFile().contains(layout.tensorName(site, key));
  }

  /** Whether the file holds a tensor of the model with this shape. */
  public boolean isStored(ParameterSite site, long... shape) {
    return stored != null && Arrays.equals(stored.get(layout.tensorName(site, "")), shape);
  }

  private Set<String> inFile() {
    return stored == null ? Set.of() : stored.keySet();
  }

  /** The config with settings inferred from the file's tensors, see {@link PeftLayout#asStored}. */
  public C asStored(C config) {
    return stored == null ? config : layout.asStored(config, stored);
  }

  /**
   * All tensors by name.
   *
   * @param followed trainable copies of tables that outputs share, by output
   */
  public Map<String, Trainable> tensors(
      C config, Sites sites, Map<LinearSite, Trainable> followed) {
    Map<String, Trainable> tensors = new LinkedHashMap<>();
    for (Sites.Rewrite rewrite : sites.rewrites()) {
      for (Trainable tensor : rewrite.layer().trainables()) {
        put(tensors, layout.tensorName(rewrite.site(), tensor.key()), tensor);
      }
    }
    followed.forEach((output, table) -> put(tensors, layout.tensorName(output, "weight"), table));
    sites.stored().forEach((key, tensor) -> put(tensors, layout.storedName(key), tensor));
    sites.overlaps().forEach(bias -> overlap(tensors, bias, sites));
    layout.repeated(config, sites).forEach((name, tensor) -> put(tensors, name, tensor));
    return tensors;
  }

  private static void put(Map<String, Trainable> tensors, String name, Trainable tensor) {
    Trainable other = tensors.put(name, tensor);
    if (other != null && other != tensor) {
      throw new IllegalStateException("two tensors are called " + name);
    }
  }

  /**
   * PEFT saves the bias of a module to save three times, once with its original value, if {@code
   * bias} selects it too. If the bias belongs to a submodule, one of the names contains an
   * adapter's name.
   */
  private void overlap(Map<String, Trainable> tensors, ParameterSite bias, Sites sites) {
    if (!(sites.layer(bias) instanceof TrainableCopy saved)) {
      throw new IllegalStateException(bias + " is not part of a fully trained module");
    }
    String whole = sites.savedModule(bias.name());
    String rest = bias.name().substring(whole.length()); // .bias, .dense.bias
    String trained = layout.prefix() + whole + ".modules_to_save";
    put(
        tensors,
        rest.equals(".bias")
            ? trained + rest
            : inFile().stream()
                .filter(name -> name.startsWith(trained) && name.endsWith(rest))
                .findFirst()
                .orElse(trained + ".default" + rest),
        saved.value());
    put(
        tensors,
        layout.prefix() + whole + ".original_module" + rest,
        Trainable.buffer(rest, sites.initial().copy(bias.frozen())));
  }

  /** The frozen tables that are saved with the adapter, by name. */
  public Map<String, ParameterSite> frozen(C config, Sites sites) {
    return config instanceof TargetedConfig<?> targeted
            && targeted.targetModules() != null
            && layout.storesTables(config)
        ? EmbeddingLayersToSave.of(targeted.targetModules(), layout.prefix(), sites)
        : Map.of();
  }
}
