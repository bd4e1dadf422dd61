package io.github.peft4j.adapter.layout;

import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.method.PeftMethod;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Rewrite;
import io.github.peft4j.tuner.site.Site;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The layout of a method's adapters in Hugging Face PEFT's folders. The defaults suit most methods;
 * a method that differs provides an implementation, which is found by {@link
 * java.util.ServiceLoader}.
 *
 * @param <C> the method's config
 */
public interface PeftLayout<C extends PeftConfig> {

  /** The prefix of module names in PEFT's files, which come from the wrapped model. */
  String PREFIX = "base_model.model.";

  /** The types of the methods with this layout, see {@link PeftMethod#type}. */
  Set<String> types();

  /**
   * Fills in PEFT's defaults for the type of model for fields that the file leaves null.
   *
   * @param modelType {@code model_type} of config.json
   * @throws IllegalArgumentException if PEFT has no value for this type of model
   */
  default C asRead(C config, String modelType) {
    return config;
  }

  /**
   * The tensors of a file under the names and in the shapes of today, if an older release of
   * transformers or PEFT wrote others.
   *
   * @param tensors of the model
   * @return the file itself, or a view that closes it
   */
  default TensorSource read(TensorSource file, List<ParameterSite> tensors) {
    return file;
  }

  /**
   * Infers settings that the config leaves open from the shapes of the stored tensors. {@link
   * PeftMethod#inject} gets the result; the adapter keeps and saves its config as read.
   *
   * @param shapes of the file's tensors by name
   */
  default C asStored(C config, Map<String, long[]> shapes) {
    return config;
  }

  /**
   * The config to save, with settings that training has decided, such as ranks.
   *
   * @param layers the adapter's layers and their sites
   */
  default C trained(C config, List<Rewrite> layers) {
    return config;
  }

  /**
   * Whether the frozen token table is saved with an adapter that rewrites the embedding or the
   * output, if its config selects {@code embed_tokens} or {@code lm_head}. PEFT does so because the
   * vocabulary may have been enlarged ({@code save_embedding_layers}).
   */
  default boolean storesTables(C config) {
    return true;
  }

  /** The type of tensors of whole numbers in the file. */
  default DType integers(C config) {
    return DType.I32;
  }

  /** The prefix of module names. */
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
    if (key.isEmpty()) {
      return prefix() + site.name();
    }
    String module = site.module(); // empty for the stack of a model without a head
    return prefix() + (module.isEmpty() ? key : module + "." + key);
  }

  /** The name of a tensor that belongs to no module. */
  default String storedName(String key) {
    return "base_model." + key;
  }

  /** Tensors that the file holds several times, by their other names. */
  default Map<String, Trainable> repeated(C config, Sites sites) {
    return Map.of();
  }
}
