package io.github.peft4j.method;

import io.github.peft4j.adapter.adapterhub.AdapterHubMapping;
import io.github.peft4j.adapter.layout.PeftLayout;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.tuner.injection.Sites;

/**
 * A parameter-efficient method: how a model is rewritten. Implementations are found by {@link
 * java.util.ServiceLoader}; each is one package with a config, this, and its layers.
 *
 * <p>A method knows no files. Hugging Face PEFT's hold each tensor under its module's name and its
 * key; where PEFT does something else, a {@link PeftLayout} says what. AdapterHub's files are the
 * business of an {@link AdapterHubMapping}.
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
   * Rewrites the sites that the config means, with fresh layers.
   *
   * @throws IllegalArgumentException if the model lacks what the method needs, saying what
   */
  void inject(C config, Sites sites);

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
}
