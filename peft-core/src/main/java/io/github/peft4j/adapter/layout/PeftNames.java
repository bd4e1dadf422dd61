package io.github.peft4j.adapter.layout;

import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.TargetedConfig;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TrainableCopy;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Rewrite;
import io.github.peft4j.tuner.site.Site;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
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

  /** What PEFT puts before the name of a table that a layer of the adapter wraps. */
  static final String TABLE_BELOW = "base_layer.";

  /** The same for a layer of {@code trainable_token_indices}. */
  static final String TOKENS_TABLE_BELOW = "token_adapter.base_layer.";

  /** Whether the file holds the tensor with this site and key. */
  public boolean isStored(Site<?, ?> site, String key) {
    return inFile().contains(layout.tensorName(site, key));
  }

  /**
   * Whether the file holds a tensor of the model with this shape.
   *
   * @param below also as the {@code base_layer} below a layer of the adapter
   */
  public boolean isStored(ParameterSite site, boolean below, long... shape) {
    String name = layout.tensorName(site, "");
    return stored != null && Arrays.equals(stored.get(below ? inFile(name) : name), shape);
  }

  /** Whether the file holds the table of an output map. */
  boolean holds(LinearSite output) {
    return inFile().contains(inFile(layout.tensorName(output, "weight")));
  }

  /** Where the file holds a table of the model, which may be below a layer of the adapter. */
  private String inFile(String table) {
    String module = table.substring(0, table.length() - "weight".length());
    return Stream.of("", TABLE_BELOW, TOKENS_TABLE_BELOW)
        .map(infix -> module + infix + "weight")
        .filter(inFile()::contains)
        .findFirst()
        .orElse(table);
  }

  private String name(Site<?, ?> site, String key) {
    String name = layout.tensorName(site, key);
    return site instanceof ParameterSite && key.isEmpty() && name.endsWith(".weight")
        ? inFile(name)
        : name;
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
    for (Rewrite rewrite : sites.rewrites()) {
      for (Trainable tensor : rewrite.layer().trainables()) {
        put(tensors, name(rewrite.site(), tensor.key()), tensor);
      }
    }
    followed.forEach(
        (output, table) -> put(tensors, inFile(layout.tensorName(output, "weight")), table));
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

  /**
   * The frozen tables that are saved with the adapter, by name.
   *
   * @param tensors the adapter's own tensors, which are not among them
   * @param resized whether the tables have other rows than those of the base model's files
   */
  public Map<String, ParameterSite> frozen(
      C config, Sites sites, boolean resized, Set<String> tensors) {
    TargetModules targets =
        config instanceof TargetedConfig<?> targeted && layout.storesTables(config)
            ? targeted.targetModules()
            : null;
    Map<String, ParameterSite> frozen =
        EmbeddingLayersToSave.of(targets, layout.prefix(), sites, resized);
    frozen.keySet().removeAll(tensors);
    return frozen;
  }
}
