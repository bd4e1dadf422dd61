package io.github.peft4j.adapter.layout;

import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.method.PeftMethod;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Site;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * How Hugging Face PEFT's folders hold the adapters of a method, where that differs from the
 * defaults here. Implementations are found by {@link java.util.ServiceLoader}; a method whose files
 * have no peculiarities needs none.
 *
 * @param <C> the method's config
 */
public interface PeftLayout<C extends PeftConfig> {

  /** The start of the names of modules in PEFT's files, which are those of the wrapped model. */
  String PREFIX = "base_model.model.";

  /** The methods whose files these are, by {@link PeftMethod#type}. */
  Set<String> types();

  /**
   * The config of a file with what PEFT fills in, by the type of model, where the file leaves a
   * field null.
   *
   * @param modelType {@code model_type} of config.json
   * @throws IllegalArgumentException if PEFT has no value for this type of model
   */
  default C asRead(C config, String modelType) {
    return config;
  }

  /**
   * The config that a file's tensors were made with, where they say more than the config does. It
   * is what {@link PeftMethod#inject} gets; the adapter keeps and saves its config as it was read.
   *
   * @param shapes of the file's tensors by name
   */
  default C asStored(C config, Map<String, long[]> shapes) {
    return config;
  }

  /**
   * The config as it is to be saved: with what training has decided, such as ranks.
   *
   * @param layers the adapter's layers and their sites
   */
  default C trained(C config, List<Sites.Rewrite> layers) {
    return config;
  }

  /**
   * Whether the frozen token table is stored with an adapter that rewrites the table's look-up or
   * the output, where its config means {@code embed_tokens} or {@code lm_head}: PEFT does so in
   * case that the vocabulary was enlarged ({@code save_embedding_layers}).
   */
  default boolean storesTables(C config) {
    return true;
  }

  /** The start of the names of modules. */
  default String prefix() {
    return PREFIX;
  }

  /**
   * The name of a tensor that belongs to a site.
   *
   * @param site the rewritten site
   * @param key the tensor's key in its layer; empty if the tensor is the site's own
   */
  default String tensorName(Site<?, ?> site, String key) {
    String name = prefix() + site.name();
    String module = site instanceof ParameterSite ? name.substring(0, name.lastIndexOf('.')) : name;
    return key.isEmpty() ? name : module + "." + key;
  }

  /** The name of a tensor that belongs to no module. */
  default String storedName(String key) {
    return "base_model." + key;
  }

  /** Tensors that the file holds once more, by their second names. */
  default Map<String, Trainable> repeated(C config, Sites sites) {
    return Map.of();
  }
}
