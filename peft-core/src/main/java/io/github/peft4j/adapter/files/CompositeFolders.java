package io.github.peft4j.adapter.files;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.adapter.AdapterPart;
import io.github.peft4j.config.CompositeConfig;
import io.github.peft4j.io.JsonFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The folder of an adapter of several parts: a subfolder for each part, which Hugging Face PEFT
 * reads by itself, and an adapter_config.json that lists them.
 */
final class CompositeFolders {

  private static final String PARTS = "parts";

  private CompositeFolders() {}

  /** The names of the parts' folders, such as {@code 0_lora}. */
  static List<String> names(List<AdapterPart> parts) {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < parts.size(); i++) {
      names.add(i + "_" + parts.get(i).type().toLowerCase(Locale.ROOT));
    }
    return names;
  }

  /** The adapter_config.json above the parts' folders. */
  static String configText(List<String> folders, List<AdapterPart> parts) {
    JsonObject json = new JsonObject();
    json.addProperty("peft_type", CompositeConfig.TYPE);
    JsonArray names = new JsonArray();
    folders.forEach(names::add);
    json.add(PARTS, names);
    return JsonFile.text(json);
  }

  /**
   * The folders of the parts.
   *
   * @param source the file of {@code json}, for errors
   * @throws IllegalArgumentException if the file lists no subfolders
   */
  static List<Path> read(Path folder, JsonObject json, String source) {
    if (!(json.get(PARTS) instanceof JsonArray names) || names.size() < 2) {
      throw expected(source, json.get(PARTS));
    }
    List<Path> folders = new ArrayList<>();
    for (JsonElement name : names) {
      if (!name.isJsonPrimitive() || !name.getAsString().matches("[A-Za-z0-9_-]+")) {
        throw expected(source, names);
      }
      folders.add(folder.resolve(name.getAsString()));
    }
    return folders;
  }

  private static IllegalArgumentException expected(String source, JsonElement found) {
    return new IllegalArgumentException(
        "%s: field '%s' is %s; expected the names of two subfolders or more, such as [\"0_lora\", \"1_prompt_tuning\"]"
            .formatted(source, PARTS, found));
  }
}
