package io.github.peft4j.chat;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.io.JsonFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The chat templates in a model's folder.
 *
 * @param texts the templates by name; {@code default} is the one that has no name
 * @param sources the file of each
 */
record TemplateFiles(Map<String, String> texts, Map<String, String> sources) {

  private static final String FIELD = "chat_template";
  private static final String ENDING = ".jinja";

  static TemplateFiles read(Path folder) {
    TemplateFiles files = new TemplateFiles(new TreeMap<>(), new TreeMap<>());
    files.addFile("default", folder.resolve(FIELD + ENDING));
    for (Path file : named(folder.resolve("additional_chat_templates"))) {
      String name = file.getFileName().toString();
      files.addFile(name.substring(0, name.length() - ENDING.length()), file);
    }
    for (String name : List.of("tokenizer_config.json", "chat_template.json")) {
      Path file = folder.resolve(name);
      if (files.texts().isEmpty() && Files.isRegularFile(file)) {
        files.addField(JsonFile.read(file).get(FIELD), file);
      }
    }
    return files;
  }

  /** The templates of a tokenizer that is in no folder. */
  static TemplateFiles of(Tokenizer tokenizer) {
    TemplateFiles files = new TemplateFiles(new TreeMap<>(), new TreeMap<>());
    files.addField(tokenizer.config().get(FIELD), tokenizer.source());
    return files;
  }

  private static List<Path> named(Path folder) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.getFileName().toString().endsWith(ENDING)).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot list " + folder, e);
    }
  }

  private void addFile(String name, Path file) {
    if (!Files.isRegularFile(file)) {
      return;
    }
    try {
      add(name, Files.readString(file), file.toString());
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file + ": " + e, e);
    }
  }

  private void add(String name, String text, String source) {
    texts.put(name, text);
    sources.put(name, source);
  }

  private void addField(@Nullable JsonElement field, Object file) {
    if (field == null || field.isJsonNull()) {
      return;
    }
    if (field instanceof JsonPrimitive text && text.isString()) {
      add("default", text.getAsString(), file + ", field '" + FIELD + "'");
    } else if (field instanceof JsonArray list) {
      list.forEach(each -> addNamed(each, file));
    } else {
      throw error(file, field);
    }
  }

  private void addNamed(JsonElement entry, Object file) {
    if (entry instanceof JsonObject object
        && object.get("name") instanceof JsonPrimitive name
        && object.get("template") instanceof JsonPrimitive template) {
      String source = "%s, field '%s', template '%s'".formatted(file, FIELD, name.getAsString());
      add(name.getAsString(), template.getAsString(), source);
    } else {
      throw error(file, entry);
    }
  }

  private static TemplateException error(Object file, JsonElement found) {
    return new TemplateException(
        "%s: field '%s' has %s; expected a text, or a list of objects with name and template"
            .formatted(file, FIELD, found));
  }
}
