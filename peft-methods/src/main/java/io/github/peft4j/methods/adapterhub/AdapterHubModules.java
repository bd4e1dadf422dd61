package io.github.peft4j.methods.adapterhub;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.io.JsonFile;
import io.github.peft4j.tuner.site.HiddenSite;
import io.github.peft4j.tuner.site.Site;
import io.github.peft4j.tuner.site.SublayerSite;
import java.util.Locale;

/**
 * The modules that AdapterHub adds to models. Their names differ between model families.
 * adapter_modules.json lists them by {@code model_type}, relative to the layer, for each kind of
 * branch and, where stacks differ, for each stack.
 */
final class AdapterHubModules {

  private static final JsonObject BY_MODEL_TYPE =
      JsonFile.resource(AdapterHubModules.class, "adapter_modules.json");

  private AdapterHubModules() {}

  /**
   * The module of a site's bottleneck adapters.
   *
   * @throws UnsupportedMethodException if it is unknown for models of this type
   */
  static String ofAdapters(Site<?, ?> site, String modelType) {
    return site instanceof HiddenSite end
        ? end.stack() + ".invertible_adapters"
        : ofAdapters((SublayerSite) site, modelType);
  }

  private static JsonObject family(String modelType) {
    JsonElement family = BY_MODEL_TYPE.get(modelType);
    if (family == null) {
      throw new UnsupportedMethodException(
          "where AdapterHub's library keeps the adapters of a model of type '"
              + modelType
              + "' is not known; known are "
              + BY_MODEL_TYPE.keySet()
              + ". Save the adapter as Hugging Face PEFT does, by save(folder)");
    }
    return family.getAsJsonObject();
  }

  /**
   * Whether {@code intermediate_lora} means the last map of the feed-forward network, and {@code
   * output_lora} the first.
   *
   * @throws UnsupportedMethodException if the library does not know models of this type
   */
  static boolean swapsFeedForward(String modelType) {
    JsonElement swaps = family(modelType).get("swaps_feed_forward");
    return swaps != null && swaps.getAsBoolean();
  }

  private static String ofAdapters(SublayerSite branch, String modelType) {
    JsonObject modules = family(modelType);
    String kind = branch.kind().name().toLowerCase(Locale.ROOT);
    JsonElement ofStack = modules.get(branch.stack() + "." + kind);
    JsonElement module = ofStack != null ? ofStack : modules.get(kind);
    return branch.layerName() + "." + module.getAsString();
  }

  /**
   * The module that holds the tensors shared by all layers: the body of a model, which in an
   * encoder-decoder contains both stacks. The name ends in a dot, or is empty at the root.
   *
   * @param stack the name of a stack
   */
  static String body(String stack) {
    String body = stack.replaceFirst("(^|\\.)(encoder|decoder)$", "");
    return body.isEmpty() ? "" : body + ".";
  }
}
