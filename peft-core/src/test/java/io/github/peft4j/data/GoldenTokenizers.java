package io.github.peft4j.data;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;

/** The tokenizers of golden-tokenizers, which make_goldens.py makes. */
public final class GoldenTokenizers {

  private GoldenTokenizers() {}

  /** The folder of a test's resources. */
  public static Path resources(String name) {
    URL url = GoldenTokenizers.class.getResource("/" + name);
    try {
      return Path.of(Objects.requireNonNull(url, name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The folder with the files and cases. */
  public static Path folder() {
    return resources("golden-tokenizers");
  }

  /**
   * Writes the files of a tokenizer into a folder.
   *
   * @param name of the case, such as bert.json
   * @return what transformers gives
   */
  public static JsonObject write(String name, Path folder) throws IOException {
    JsonObject golden =
        JsonParser.parseString(Files.readString(folder().resolve("cases").resolve(name)))
            .getAsJsonObject();
    for (Map.Entry<String, JsonElement> file : golden.getAsJsonObject("files").entrySet()) {
      Files.copy(
          folder().resolve("files").resolve(file.getValue().getAsString()),
          folder.resolve(file.getKey()));
    }
    for (Map.Entry<String, JsonElement> file : golden.getAsJsonObject("beside").entrySet()) {
      Files.writeString(folder.resolve(file.getKey()), file.getValue().toString());
    }
    return golden;
  }
}
