package io.github.peft4j.examples;

import static java.util.stream.Collectors.joining;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.JavaFileObject.Kind;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.StandardLocation;
import javax.tools.ToolProvider;

/**
 * A {@code ```java} block of a Markdown file.
 *
 * <p>A block is either declarations, then it stands in a class, or statements, then it stands in a
 * method that may throw anything. A block after {@code <!-- continues -->} is read as the rest of
 * the block before it; one after {@code <!-- no-compile -->} is left out.
 */
record Snippet(Path file, List<Line> lines) {

  /** What a snippet sees without importing it, besides every package of peft4j. */
  private static final String IMPORTS =
      "import java.nio.file.*; import java.util.*; import java.util.stream.*;"
          + " import ai.djl.*; import ai.djl.ndarray.*; import ai.djl.ndarray.types.*;";

  private static final String NO_COMPILE = "<!-- no-compile -->";
  private static final String CONTINUES = "<!-- continues -->";

  private static final Pattern DECLARATION =
      Pattern.compile(
          "(@\\w.*\\s)?((public|abstract|final|sealed|static)\\s+)*"
              + "(class|record|interface|enum)\\s+\\w+.*",
          Pattern.DOTALL);

  private static final Pattern PUBLIC = Pattern.compile("(?m)^public (?=.*\\{)");

  /** A line of code and its number in the Markdown file. */
  record Line(int number, String text) {}

  static List<Snippet> in(Path file) {
    List<Snippet> snippets = new ArrayList<>();
    List<String> text = read(file);
    String marker = "";
    for (int i = 0; i < text.size(); i++) {
      String line = text.get(i).strip();
      if (!line.startsWith("```")) {
        marker = line.isEmpty() ? marker : line;
        continue;
      }
      List<Line> code = new ArrayList<>();
      while (++i < text.size() && !text.get(i).strip().equals("```")) {
        code.add(new Line(i + 1, text.get(i)));
      }
      if (line.equals("```java") && marker.equals(CONTINUES) && !snippets.isEmpty()) {
        snippets.get(snippets.size() - 1).lines.addAll(code);
      } else if (line.equals("```java") && !marker.equals(NO_COMPILE)) {
        snippets.add(new Snippet(file, code));
      }
      marker = "";
    }
    return snippets;
  }

  /** Where it starts in its file. */
  int line() {
    return lines.isEmpty() ? 1 : lines.get(0).number();
  }

  /** Compiles the snippet against the class path of the tests and returns what is wrong with it. */
  List<String> compile(Path classes) {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    DiagnosticCollector<JavaFileObject> diagnostics = new DiagnosticCollector<>();
    try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
      List<String> options = List.of("-proc:none", "-d", classes.toString());
      var sources = List.of(source(importsOfPeft4j(files)));
      compiler.getTask(null, files, diagnostics, options, null, sources).call();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return diagnostics.getDiagnostics().stream()
        .filter(diagnostic -> diagnostic.getKind() == Diagnostic.Kind.ERROR)
        .map(diagnostic -> describe(diagnostic))
        .toList();
  }

  /** The first line is ours, the n-th after it is the snippet's n-th. */
  private JavaFileObject source(String imports) {
    String own = lines.stream().map(Line::text).filter(Snippet::isImport).collect(joining(" "));
    String body =
        lines.stream().map(line -> isImport(line.text()) ? "" : line.text()).collect(joining("\n"));
    boolean declares = DECLARATION.matcher(withoutComments(body).strip()).matches();
    String code =
        IMPORTS
            + imports
            + own
            + (declares ? "" : " class Snippet { static void run() throws Exception {")
            + "\n"
            + (declares ? PUBLIC.matcher(body).replaceAll("") : body) // one file has no two of them
            + "\n"
            + (declares ? "" : "}}");
    return new SimpleJavaFileObject(URI.create("string:///Snippet.java"), Kind.SOURCE) {
      @Override
      public CharSequence getCharContent(boolean ignoreEncodingErrors) {
        return code;
      }
    };
  }

  private String describe(Diagnostic<?> diagnostic) {
    int index = (int) Math.max(0, Math.min(diagnostic.getLineNumber() - 2, lines.size() - 1));
    int number = lines.isEmpty() ? 1 : lines.get(index).number();
    return file.getFileName() + ":" + number + ": " + diagnostic.getMessage(Locale.ENGLISH);
  }

  private static boolean isImport(String line) {
    return line.startsWith("import ");
  }

  private static String withoutComments(String code) {
    return code.replaceAll("(?s)/\\*.*?\\*/", "").replaceAll("//.*", "");
  }

  private static String importsOfPeft4j(StandardJavaFileManager files) throws IOException {
    Set<String> packages = new TreeSet<>();
    for (JavaFileObject type :
        files.list(StandardLocation.CLASS_PATH, "io.github.peft4j", Set.of(Kind.CLASS), true)) {
      String name = files.inferBinaryName(StandardLocation.CLASS_PATH, type);
      boolean program = name.startsWith(Snippet.class.getPackageName() + ".");
      if (!program && !name.endsWith("package-info")) {
        packages.add(name.substring(0, name.lastIndexOf('.')));
      }
    }
    return packages.stream().map(name -> " import " + name + ".*;").collect(joining("", "", " "));
  }

  private static List<String> read(Path file) {
    try {
      return Files.readAllLines(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
