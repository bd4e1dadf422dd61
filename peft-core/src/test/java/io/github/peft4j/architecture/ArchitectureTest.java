package io.github.peft4j.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import io.github.peft4j.annotation.Internal;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Holds the code to the table of packages in docs/architecture.md: a package uses those that its
 * row names, and these stand in rows above it, so that there are no cycles.
 */
class ArchitectureTest {

  private static final String ROOT = "io.github.peft4j";
  private static final Path BUILD = Path.of("..");
  private static final Path PAGE = BUILD.resolve("docs").resolve("architecture.md");
  private static final int MOST_TYPES = 25;

  /** {@code | `package` | what it holds | `used`, `used` |}. */
  private static final Pattern ROW =
      Pattern.compile("\\| `([\\w.]+)`( \\(internal\\))? \\|[^|]+\\|([^|]*)\\|");

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPath(Path.of("target", "classes"));

  private record Row(boolean internal, Set<String> uses) {}

  private static Map<String, Row> table() throws IOException {
    Map<String, Row> rows = new LinkedHashMap<>();
    for (String line : Files.readAllLines(PAGE)) {
      Matcher row = ROW.matcher(line.strip());
      if (row.matches()) {
        Set<String> uses = new TreeSet<>();
        Matcher name = Pattern.compile("`([\\w.]+)`").matcher(row.group(3));
        while (name.find()) {
          uses.add(name.group(1));
        }
        rows.put(row.group(1), new Row(row.group(2) != null, uses));
      }
    }
    return rows;
  }

  /** The name in the table: below the root package, whose own name is {@code peft4j}. */
  private static String name(String packageName) {
    return packageName.equals(ROOT) ? "peft4j" : packageName.substring(ROOT.length() + 1);
  }

  private static boolean isOurs(JavaClass type) {
    return type.getPackageName().equals(ROOT) || type.getPackageName().startsWith(ROOT + ".");
  }

  @Test
  void rowsUseOnlyRowsAboveThem() throws IOException {
    List<String> above = new ArrayList<>();
    for (Map.Entry<String, Row> row : table().entrySet()) {
      assertThat(above).as(row.getKey()).containsAll(row.getValue().uses());
      above.add(row.getKey());
    }
  }

  @Test
  void packagesUseWhatTheTableSays() throws IOException {
    Map<String, Set<String>> used = new TreeMap<>();
    for (JavaClass type : CLASSES) {
      Set<String> packages =
          used.computeIfAbsent(name(type.getPackageName()), key -> new TreeSet<>());
      type.getDirectDependenciesFromSelf().stream()
          .map(dependency -> dependency.getTargetClass().getBaseComponentType())
          .filter(ArchitectureTest::isOurs)
          .map(target -> name(target.getPackageName()))
          .filter(target -> !target.equals(name(type.getPackageName())))
          .filter(target -> !target.equals("annotation"))
          .forEach(packages::add);
    }
    Map<String, Set<String>> allowed = new TreeMap<>();
    table().forEach((name, row) -> allowed.put(name, row.uses()));
    assertThat(without(used, allowed)).as("used, but not in the table").isEmpty();
    assertThat(without(allowed, used)).as("in the table, but not used").isEmpty();
    assertThat(used.keySet()).isEqualTo(allowed.keySet());
  }

  /** What the first map has and the second has not, without packages where that is nothing. */
  private static Map<String, Set<String>> without(
      Map<String, Set<String>> first, Map<String, Set<String>> second) {
    Map<String, Set<String>> rest = new TreeMap<>();
    first.forEach(
        (name, packages) -> {
          Set<String> more = new TreeSet<>(packages);
          more.removeAll(second.getOrDefault(name, Set.of()));
          if (!more.isEmpty()) {
            rest.put(name, more);
          }
        });
    return rest;
  }

  @Test
  void packagesAreSmall() {
    Map<String, Long> sizes =
        CLASSES.stream()
            .filter(type -> type.isTopLevelClass() && !type.getSimpleName().equals("package-info"))
            .collect(
                Collectors.groupingBy(type -> name(type.getPackageName()), Collectors.counting()));
    assertThat(sizes).allSatisfy((name, size) -> assertThat(size).isLessThanOrEqualTo(MOST_TYPES));
  }

  @Test
  void internalPackagesAreMarked() throws IOException {
    Set<String> marked =
        CLASSES.stream()
            .filter(type -> type.getSimpleName().equals("package-info"))
            .filter(type -> type.isAnnotatedWith(Internal.class))
            .map(type -> name(type.getPackageName()))
            .collect(Collectors.toCollection(TreeSet::new));
    Set<String> said =
        table().entrySet().stream()
            .filter(row -> row.getValue().internal())
            .map(Map.Entry::getKey)
            .collect(Collectors.toCollection(TreeSet::new));
    assertThat(marked).isEqualTo(said);
  }

  /** The tests of a package stand in the module that has its code. */
  @Test
  void noPackageIsInTwoModules() throws IOException {
    Map<String, Set<String>> modules = new TreeMap<>();
    Matcher module =
        Pattern.compile("<module>([^<]+)</module>")
            .matcher(Files.readString(BUILD.resolve("pom.xml")));
    while (module.find()) {
      for (String kind : List.of("main", "test")) {
        Path sources = BUILD.resolve(module.group(1)).resolve("src").resolve(kind).resolve("java");
        for (String name : packagesOf(sources)) {
          modules.computeIfAbsent(name, key -> new TreeSet<>()).add(module.group(1));
        }
      }
    }
    assertThat(modules).containsKeys(ROOT, ROOT + ".methods.lora", ROOT + ".examples");
    modules.values().removeIf(owners -> owners.size() == 1);
    assertThat(modules).isEmpty();
  }

  /** The packages that have a source file below a folder, which may be missing. */
  private static Set<String> packagesOf(Path sources) throws IOException {
    if (!Files.isDirectory(sources)) {
      return Set.of();
    }
    try (Stream<Path> files = Files.walk(sources)) {
      return files
          .filter(file -> file.toString().endsWith(".java"))
          .map(file -> sources.relativize(file.getParent()).toString().replace(File.separator, "."))
          .collect(Collectors.toCollection(TreeSet::new));
    }
  }
}
