package io.github.peft4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The notebook is the script, cell by cell, and shows what came of it. */
class QuickstartTest {

  private static final Path FOLDER = Path.of("..", "docs", "notebooks");

  @Test
  void theNotebookIsTheScript() throws IOException {
    List<String> script = new ArrayList<>();
    for (String block : Files.readString(FOLDER.resolve("quickstart.jsh")).split("\n\n", -1)) {
      script.add(block.replaceAll("(?m)^//.*\n", "").strip());
    }
    List<String> notebook = new ArrayList<>();
    for (JsonObject cell : codeCells()) {
      notebook.add(text(cell.getAsJsonArray("source")));
    }

    // The first cell is the imports, the second the paths, which differ; the script's last checks.
    assertThat(notebook.get(1)).contains("var tickets =").contains("var saved =");
    script.set(1, notebook.get(1));
    assertThat(script.remove(script.size() - 1)).contains("quickstart: ok");
    assertThat(notebook).isEqualTo(script);
  }

  /** JShell goes on after a line that does not compile; the compiler does not. */
  @Test
  void theScriptCompilesWithItsOwnImports(@TempDir Path classes) throws IOException {
    StringBuilder imports = new StringBuilder();
    StringBuilder body = new StringBuilder();
    for (String line : Files.readAllLines(FOLDER.resolve("quickstart.jsh"))) {
      if (line.startsWith("import ")) {
        imports.append(line).append('\n');
      } else if (!line.startsWith("/")) {
        body.append(line).append('\n');
      }
    }
    Path source = classes.resolve("Quickstart.java");
    Files.writeString(
        source, imports + "class Quickstart {\nvoid run() throws Exception {\n" + body + "}\n}\n");

    StringWriter problems = new StringWriter();
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
      List<String> options = List.of("-proc:none", "-d", classes.toString());
      var sources = files.getJavaFileObjects(source);
      compiler.getTask(problems, files, null, options, null, sources).call();
    }
    assertThat(problems.toString()).isEmpty();
  }

  @Test
  void theNotebookShowsItsOutputs() throws IOException {
    List<JsonObject> cells = codeCells();
    String answer = cells.get(cells.size() - 1).getAsJsonArray("outputs").toString();

    assertThat(answer.indexOf("shipping")).isPositive().isLessThan(answer.indexOf("billing"));
    assertThat(cells.get(3).getAsJsonArray("outputs").toString()).contains("accuracy");
  }

  private static List<JsonObject> codeCells() throws IOException {
    List<JsonObject> cells = new ArrayList<>();
    JsonElement notebook =
        JsonParser.parseString(Files.readString(FOLDER.resolve("quickstart.ipynb")));
    for (JsonElement cell : notebook.getAsJsonObject().getAsJsonArray("cells")) {
      if (cell.getAsJsonObject().get("cell_type").getAsString().equals("code")) {
        cells.add(cell.getAsJsonObject());
      }
    }
    return cells;
  }

  private static String text(JsonArray lines) {
    StringBuilder text = new StringBuilder();
    lines.forEach(line -> text.append(line.getAsString()));
    return text.toString().strip();
  }
}
