package io.github.peft4j.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.StringWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The Java of the how-to page compiles. */
class HowToTest {

  private static final Path PAGE = Path.of("..", "..", "docs", "how-to", "spark.md");
  private static final Pattern JAVA = Pattern.compile("(?ms)^```java\n(.*?)^```$");

  @TempDir Path temp;

  @Test
  void compiles() throws IOException {
    List<String> blocks =
        JAVA.matcher(Files.readString(PAGE)).results().map(MatchResult::group).toList();
    assertThat(blocks).isNotEmpty();
    for (String block : blocks) {
      String code = block.substring("```java\n".length(), block.length() - "```".length());
      assertThat(problems(code)).as(code).isEmpty();
    }
  }

  private String problems(String code) {
    String source =
        """
        import io.github.peft4j.*;
        import io.github.peft4j.generate.*;
        import io.github.peft4j.methods.lora.*;
        import io.github.peft4j.spark.*;
        import io.github.peft4j.transformer.config.*;
        import org.apache.spark.sql.*;

        class Snippet {
          void run(Dataset<Row> rows, Dataset<Row> held) {
        %s
          }
        }
        """
            .formatted(code);
    StringWriter said = new StringWriter();
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    compiler
        .getTask(
            said,
            null,
            null,
            List.of(
                "-proc:none",
                "-nowarn",
                "-d",
                temp.toString(),
                "-classpath",
                System.getProperty("java.class.path")),
            null,
            List.of(
                new SimpleJavaFileObject(
                    URI.create("string:///Snippet.java"), javax.tools.JavaFileObject.Kind.SOURCE) {
                  @Override
                  public CharSequence getCharContent(boolean ignoreEncodingErrors) {
                    return source;
                  }
                }))
        .call();
    return said.toString()
        .lines()
        .filter(line -> line.contains("error:"))
        .reduce("", (a, b) -> a + "\n" + b);
  }
}
