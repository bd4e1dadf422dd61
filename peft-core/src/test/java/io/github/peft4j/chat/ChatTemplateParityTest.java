package io.github.peft4j.chat;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.peft4j.data.SharedFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/**
 * Chat templates of real models are rendered as transformers renders them. {@code
 * -Dpeft4j.templates} names another file of renderings, {@code -Dpeft4j.templates.folder} the
 * folder of their templates.
 */
class ChatTemplateParityTest {

  private static final int SHOWN = 40;

  @Test
  void rendersAsTransformersDoes() throws IOException {
    String given = System.getProperty("peft4j.templates");
    Path file = given == null ? SharedFolder.require("templates/rendered.json") : Path.of(given);
    String folder = System.getProperty("peft4j.templates.folder");
    Path templates =
        folder == null ? file.toAbsolutePath().resolveSibling(".").normalize() : Path.of(folder);
    Renderings renderings = Renderings.read(file);
    int passed = 0;
    List<String> failures = new ArrayList<>();
    for (Map.Entry<String, Map<String, Renderings.Expected>> template :
        renderings.rendered().entrySet()) {
      Supplier<ChatTemplate> read =
          renderings.template(Files.readString(templates.resolve(template.getKey() + ".jinja")));
      for (Map.Entry<String, Renderings.Expected> each : template.getValue().entrySet()) {
        String difference = renderings.difference(read, each.getKey(), each.getValue());
        if (difference == null) {
          passed++;
        } else {
          failures.add(template.getKey() + ", " + each.getKey() + ": " + difference);
        }
      }
    }
    failures.stream().limit(SHOWN).forEach(System.out::println);
    System.out.printf("templates: %d passed, %d failed%n", passed, failures.size());
    assertThat(failures).isEmpty();
    assertThat(passed).isPositive();
  }
}
