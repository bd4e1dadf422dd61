package io.github.peft4j.withers;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the processor writes for a record. */
class WithersProcessorTest {

  @TempDir Path folder;

  private String compile(String source) throws IOException {
    Path file = folder.resolve("Demo.java");
    Files.writeString(file, source);
    JavaCompiler javac = Objects.requireNonNull(ToolProvider.getSystemJavaCompiler());
    StringWriter messages = new StringWriter();
    try (StandardJavaFileManager files = javac.getStandardFileManager(null, null, null)) {
      JavaCompiler.CompilationTask task =
          javac.getTask(
              messages,
              files,
              null,
              List.of("-d", folder.toString(), "-Xdoclint:all,-missing", "-implicit:none"),
              null,
              files.getJavaFileObjects(file));
      task.setProcessors(List.of(new WithersProcessor()));
      task.call();
    }
    return messages.toString();
  }

  private String withers() throws IOException {
    return Files.readString(folder.resolve("demo/DemoWithers.java"));
  }

  @Test
  void aComponentHasAWitherWithItsDocumentation() throws IOException {
    String messages =
        compile(
            """
            package demo;
            /**
             * Settings.
             *
             * @param r the rank,
             *     above 0; 8
             * @param names {@code null} for all
             */
            @io.github.peft4j.withers.Withers
            public record Demo(
                int r, java.util.@org.jspecify.annotations.Nullable List<String> names, Double s)
                implements Comparable<Demo>, DemoWithers {
              @Override public int compareTo(Demo other) { return 0; }
              static Demo use(Demo demo) { return demo.r(3).names("a", "b").names().isEmpty() ? demo : demo.s(2); }
            }
            """);
    assertThat(messages).isEmpty();
    assertThat(withers())
        .contains("interface DemoWithers extends java.lang.Comparable<demo.Demo> {")
        .contains("/** A copy with another {@code r}: the rank, above 0; 8. */")
        .contains("default Demo r(int r) {\n    return new Demo(r, names(), s());")
        .contains(
            "default Demo names(java.util.@org.jspecify.annotations.Nullable"
                + " List<java.lang.String> names)")
        .contains("default Demo names(String... values)")
        .contains("default Demo s(double value)");
  }

  @Test
  void aClassIsRefused() throws IOException {
    assertThat(compile("package demo; @io.github.peft4j.withers.Withers class Demo {}"))
        .contains("@Withers is for top-level records; demo.Demo is none");
  }
}
