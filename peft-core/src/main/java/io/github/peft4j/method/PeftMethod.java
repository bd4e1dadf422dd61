package io.github.peft4j.method;

import io.github.peft4j.adapter.adapterhub.AdapterHubMapping;
import io.github.peft4j.adapter.layout.PeftLayout;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.tuner.injection.Sites;

/**
 * A parameter-efficient method, which rewrites sites of a model. Implementations are found by
 * {@link java.util.ServiceLoader}. Each is one package with a config, an implementation of this
 * interface, and layers.
 *
 * <p>A method is independent of file formats. Hugging Face PEFT stores each tensor under its
 * module's name and its key; a {@link PeftLayout} describes a method that PEFT stores differently.
 * An {@link AdapterHubMapping} describes AdapterHub's files of a method.
 *
 * @param <C> the method's config
 */
public interface PeftMethod<C extends PeftConfig> {

  /** PEFT's name of the method: {@code peft_type} in adapter_config.json. */
  String type();

  /** The config's record class. */
  Class<C> configType();

  /**
   * Fills in the settings that the config leaves open from the model. The result is used and saved.
   *
   * @throws IllegalArgumentException if a setting contradicts the model
   */
  default C complete(C config, Sites sites) {
    return config;
  }

  /**
   * Puts fresh layers into the sites that the config selects.
   *
   * @throws IllegalArgumentException if the model lacks something that the method needs; the
   *     message names it
   */
  void inject(C config, Sites sites);

  /**
   * The composition in which a new adapter is active, by default the adapter alone. Other adapters
   * in it are frozen: a fusion, for example, learns to mix adapters that are trained already.
   *
   * @param adapter its name
   * @param config as {@link #complete} returned it
   */
  default Composition composition(String adapter, C config) {
    return Composition.of(adapter);
  }
}
