package io.github.peft4j.adapter.adapterhub;

import com.google.gson.JsonObject;
import io.github.peft4j.config.ConfigJson;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.site.Rewrite;
import io.github.peft4j.tuner.site.Site;
import java.util.List;
import java.util.TreeMap;

/**
 * Maps a method to the files of AdapterHub's library: its configs, and the names of its tensors.
 * Implementations are found by {@link java.util.ServiceLoader}. A method without a mapping supports
 * Hugging Face PEFT's files only.
 *
 * @param <C> the method's config
 */
public interface AdapterHubMapping<C extends PeftConfig> {

  /** The method's config class. */
  Class<C> configType();

  /**
   * The value of {@code architecture} in the library's config; empty for bottleneck adapters, whose
   * configs lack it.
   */
  String architecture();

  /**
   * Whether a config of this architecture belongs to this method, if several methods share the
   * architecture.
   */
  default boolean means(JsonObject config) {
    return true;
  }

  /**
   * Converts a config of the library to the method's config. By default both have the same fields.
   *
   * @param modules the linear modules for which the adapter's file has tensors
   * @param source the name of the file in errors
   * @throws UnsupportedMethodException if the method does not support a setting of the library
   */
  default C read(JsonObject config, TargetModules modules, String source) {
    return ConfigJson.read(configType(), config, source);
  }

  /**
   * Converts the method's config to one of the library. By default both have the same fields.
   *
   * @param rewrites what the adapter has at the model's sites
   * @throws UnsupportedMethodException if the library does not have such an adapter; the message
   *     says why
   */
  default JsonObject write(C config, List<Rewrite> rewrites, TransformerModel model) {
    JsonObject fields = new JsonObject();
    new TreeMap<>(ConfigJson.fields(config)).forEach(fields::add);
    return fields;
  }

  /**
   * The names of a tensor in the library's file. The first is read; all are written.
   *
   * @param site the rewritten site
   * @param key the tensor's key in its layer
   * @param adapter the adapter's name
   * @param modelType {@code model_type} of config.json
   * @throws UnsupportedMethodException if the library's module names for this model type are
   *     unknown
   */
  List<String> names(Site<?, ?> site, String key, String adapter, String modelType);
}
