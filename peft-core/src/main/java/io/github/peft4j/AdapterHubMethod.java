package io.github.peft4j;

import com.google.gson.JsonObject;
import io.github.peft4j.tuner.Site;
import io.github.peft4j.tuner.TargetModules;
import java.util.List;

/**
 * A method that AdapterHub's library has, so that its adapters can be read from that library's
 * folders. If the config's record has the library's fields, they can be written too; a method whose
 * config is PEFT's says what the library's config means.
 *
 * @param <C> the method's config
 */
public interface AdapterHubMethod<C extends PeftConfig> extends PeftMethod<C> {

  /** {@code architecture} in the library's config; empty for bottleneck adapters, without one. */
  String architecture();

  /** Whether a config of this architecture means this method, where several have it. */
  default boolean means(JsonObject config) {
    return true;
  }

  /**
   * The config that a config of the library means.
   *
   * @param modules the linear modules that the adapter's file has tensors of
   * @param source what errors call the file
   */
  default C fromAdapterHub(JsonObject config, TargetModules modules, String source) {
    return ConfigJson.read(configType(), config, source);
  }

  /** Whether adapters can be written for the library. */
  default boolean writesAdapterHub() {
    return true;
  }

  /**
   * The module that the library keeps what all layers share in: the body of a model, which in an
   * encoder-decoder holds both stacks. With a point behind it, or empty at the root.
   *
   * @param stack the name of a stack
   */
  static String body(String stack) {
    String body = stack.replaceFirst("(^|\\.)(encoder|decoder)$", "");
    return body.isEmpty() ? "" : body + ".";
  }

  /**
   * The names of a tensor in the library's file: the first is read, all are written.
   *
   * @param site the rewritten site
   * @param key the tensor's key in its layer
   * @param adapter the adapter's name
   */
  List<String> adapterHubNames(Site<?, ?> site, String key, String adapter);
}
