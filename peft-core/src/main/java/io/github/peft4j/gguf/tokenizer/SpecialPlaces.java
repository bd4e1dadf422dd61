package io.github.peft4j.gguf.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which special tokens stand before, after and between texts: what llama.cpp's converter makes of
 * the {@code post_processor} of a tokenizer.json.
 */
final class SpecialPlaces {

  private SpecialPlaces() {}

  /**
   * Reads a post-processor.
   *
   * @param config the tokenizer_config.json, which says which tokens have a role
   * @return for {@code bos}, {@code eos} and {@code sep} whether it is added, as far as that is
   *     said
   */
  static Map<String, Boolean> of(@Nullable JsonElement processor, JsonObject config) {
    Map<String, Boolean> adds = new LinkedHashMap<>();
    if (processor instanceof JsonObject object) {
      JsonArray several = new JsonArray();
      if (object.get("processors") instanceof JsonArray parts) {
        several = parts;
      } else {
        several.add(object);
      }
      several.forEach(each -> add(each.getAsJsonObject(), config, adds));
    }
    return adds;
  }

  private static void add(JsonObject processor, JsonObject config, Map<String, Boolean> adds) {
    JsonElement type = processor.get("type");
    if (type.getAsString().equals("ByteLevel")) {
      adds.putIfAbsent("bos", false);
      adds.putIfAbsent("eos", false);
    } else if (type.getAsString().equals("TemplateProcessing")) {
      addTemplate(processor, config, adds);
    }
  }

  private static void addTemplate(
      JsonObject processor, JsonObject config, Map<String, Boolean> adds) {
    List<JsonElement> single = list(processor.get("single"));
    List<JsonElement> pair = list(processor.get("pair"));
    String bos = content(config.get("bos_token"));
    String eos = content(config.get("eos_token"));
    String first = single.size() > 1 ? special(single.get(0)) : null;
    String last = single.size() > 1 ? special(single.get(single.size() - 1)) : null;
    if (first != null) {
      adds.put("bos", bos == null || first.equals(bos));
    }
    if (last != null) {
      adds.put("eos", eos == null || last.equals(eos));
    }
    int from = first != null && !pair.isEmpty() && first.equals(special(pair.get(0))) ? 1 : 0;
    int to = pair.size();
    if (last != null && to > from && last.equals(special(pair.get(to - 1)))) {
      to--;
    }
    if (to - from > 2) {
      List<JsonElement> between = pair.subList(from + 1, to - 1);
      adds.put(
          "sep",
          between.stream().anyMatch(each -> eos != null && eos.equals(special(each)))
              && (last == null || between.size() == 2));
    }
  }

  private static List<JsonElement> list(@Nullable JsonElement element) {
    return element instanceof JsonArray array ? array.asList() : List.of();
  }

  private static @Nullable String special(JsonElement place) {
    return place.getAsJsonObject().get("SpecialToken") instanceof JsonObject token
        ? token.get("id").getAsString()
        : null;
  }

  private static @Nullable String content(@Nullable JsonElement token) {
    JsonElement text = token instanceof JsonObject object ? object.get("content") : token;
    return text instanceof JsonPrimitive content && content.isString()
        ? content.getAsString()
        : null;
  }
}
