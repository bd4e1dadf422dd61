package io.github.peft4j.adapter.adapterhub;

import com.google.gson.JsonObject;
import io.github.peft4j.config.ConfigJson;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.tuner.site.Site;
import java.util.List;

/**
 * A method in the files of AdapterHub's library: which of its configs mean the method, what they
 * say, and what its tensors are called there. Implementations are found by {@link
 * java.util.ServiceLoader}; a method without one is read and written in Hugging Face PEFT's files
 * only.
 *
 * @param <C> the method's config
 */
public interface AdapterHubMapping<C extends PeftConfig> {

  /** The config of the method. */
  Class<C> configType();

  /** {@code architecture} in the library's config; empty for bottleneck adapters, without one. */
  String architecture();

  /** Whether a config of this architecture means this method, where several have it. */
  default boolean means(JsonObject config) {
    return true;
  }

  /**
   * The config of the method that a config of the library means: by default the record has the
   * library's fields.
   *
   * @param modules the linear modules that the adapter's file has tensors of
   * @param source what errors call the file
   * @throws UnsupportedMethodException if the method cannot compute what the library does
   */
  default C read(JsonObject config, TargetModules modules, String source) {
    return ConfigJson.read(configType(), config, source);
  }

  /** Whether adapters can be written for the library, since the record has its fields. */
  default boolean isWritable() {
    return true;
  }

  /**
   * The names of a tensor in the library's file: the first is read, all are written.
   *
   * @param site the rewritten site
   * @param key the tensor's key in its layer
   * @param adapter the adapter's name
   * @param modelType {@code model_type} of config.json
   * @throws UnsupportedMethodException if the library's modules of such a model are not known
   */
  List<String> names(Site<?, ?> site, String key, String adapter, String modelType);
}
