package io.github.peft4j;

import io.github.peft4j.tuner.Composition;
import io.github.peft4j.tuner.Site;
import io.github.peft4j.tuner.Sites;
import java.util.List;
import java.util.Map;

/**
 * A parameter-efficient method: how a model is rewritten. Implementations are found by {@link
 * java.util.ServiceLoader}; each is one package with a config, this, and its layers.
 *
 * @param <C> the method's config
 */
public interface PeftMethod<C extends PeftConfig> {

  /** PEFT's name of the method: {@code peft_type} in adapter_config.json. */
  String type();

  /** The config's record class. */
  Class<C> configType();

  /**
   * The config with all that it leaves to the model, as it is to be used and saved.
   *
   * @throws IllegalArgumentException if the config says otherwise than the model
   */
  default C complete(C config, Sites sites) {
    return config;
  }

  /**
   * A file's config as Hugging Face PEFT takes it, where that fills in what the file leaves open by
   * the type of model.
   *
   * @param modelType {@code model_type} of config.json
   * @throws IllegalArgumentException if PEFT does not know either
   */
  default C asRead(C config, String modelType) {
    return config;
  }

  /**
   * The config that a file's tensors were made with, where they tell what the config does not. It
   * is what {@link #inject} gets; the adapter keeps and saves its config as it was read.
   *
   * @param shapes of the file's tensors by name
   */
  default C asStored(C config, Map<String, long[]> shapes) {
    return config;
  }

  /**
   * Rewrites the sites that the config means, with fresh layers.
   *
   * @throws IllegalArgumentException if the model lacks what the method needs, saying what
   */
  void inject(C config, Sites sites);

  /**
   * Whether the frozen token table is stored with an adapter that rewrites the table's look-up or
   * the output, where its config means {@code embed_tokens} or {@code lm_head}: PEFT does so in
   * case that the vocabulary was enlarged.
   */
  default boolean storesTables(C config) {
    return true;
  }

  /**
   * How a new adapter is active, in a composition with those that it is made on. Those are frozen:
   * a fusion learns to mix adapters that others have trained.
   *
   * @param adapter its name
   * @param config as completed
   */
  default Composition composition(String adapter, C config) {
    return Composition.of(adapter);
  }

  /**
   * The config as it is to be saved: with what training has decided, such as ranks.
   *
   * @param config the adapter's
   * @param layers the adapter's layers and their sites
   */
  default C trained(C config, List<Sites.Rewrite> layers) {
    return config;
  }

  /**
   * The name of a layer's tensor in the adapter file.
   *
   * @param site the rewritten site
   * @param key the tensor's key in its layer; empty if the tensor is the site's own
   */
  default String tensorName(Site<?, ?> site, String key) {
    String module = modulePrefix() + site.name();
    return key.isEmpty() ? module : module + "." + key;
  }

  /** What stands before module names in the adapter file. */
  default String modulePrefix() {
    return "base_model.model.";
  }
}
