package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * An application that depends on peft-methods gets these artifacts and no others. The build writes
 * the tree; {@code mvn process-test-resources} writes it again.
 */
class DependencyTreeTest {

  private static final Path TREE = Path.of("target", "dependency-tree.txt");

  @Test
  void anApplicationGetsNothingThatItDoesNotNeed() throws IOException {
    List<String> artifacts =
        Files.readAllLines(TREE).stream()
            .skip(1) // the module itself
            .map(line -> line.replaceFirst("^[ |+\\\\-]+", "").split(":", -1))
            .map(parts -> parts[0] + ":" + parts[1] + ":" + parts[parts.length - 1])
            .toList();

    assertThat(artifacts)
        .containsExactlyInAnyOrder(
            "io.github.peft4j:peft-core:compile",
            "ai.djl:api:compile",
            "ai.djl.pytorch:pytorch-engine:compile",
            "ai.djl.huggingface:tokenizers:compile",
            "net.java.dev.jna:jna:compile",
            "org.apache.commons:commons-compress:compile",
            "org.apache.commons:commons-csv:compile",
            "commons-io:commons-io:compile",
            "commons-codec:commons-codec:compile",
            "org.slf4j:slf4j-api:compile",
            "com.google.code.gson:gson:compile",
            "com.google.errorprone:error_prone_annotations:compile",
            "com.google.protobuf:protobuf-java:compile",
            "org.jspecify:jspecify:compile");
  }
}
