package io.github.peft4j.methods.golden;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.peft4j.config.UnsupportedMethodException;
import java.io.IOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.opentest4j.TestAbortedException;

/**
 * What AdapterHub's library computed with its adapters, forward and backward, is computed here too,
 * and its files are written as they were. The project has cases of its own. {@code
 * -Dpeft4j.adapterhub=DIR} adds others: DIR/base/ with a model, and DIR/base/case/ with an adapter
 * and io.safetensors: logits, loss and gradients. {@code -Dpeft4j.adapterhub.cases=REGEX} chooses
 * some.
 */
class AdapterHubParityTest {

  private static final String FOLDER = "peft4j.adapterhub";

  private static final AtomicInteger PASSED = new AtomicInteger();
  private static final AtomicInteger FAILED = new AtomicInteger();
  private static final Map<String, List<String>> UNSUPPORTED = new TreeMap<>();

  @TestFactory
  List<DynamicTest> adapterhub() throws IOException, URISyntaxException {
    List<DynamicTest> tests = new ArrayList<>();
    URL own = Objects.requireNonNull(getClass().getResource("/golden-adapterhub-trained"));
    cases(Path.of(own.toURI()), tests);
    assertThat(tests).as("the project's own cases").isNotEmpty();
    String more = System.getProperty(FOLDER);
    if (more == null) {
      System.out.println(
          "adapterhub: the project's own cases only; -D" + FOLDER + "=DIR adds more");
    } else if (Files.isDirectory(Path.of(more))) {
      cases(Path.of(more), tests);
    } else {
      System.out.println(
          "adapterhub: SKIPPED " + Path.of(more).toAbsolutePath() + ", which is not a folder");
    }
    return tests;
  }

  private static void cases(Path root, List<DynamicTest> tests) throws IOException {
    String filter = System.getProperty(FOLDER + ".cases", ".*");
    for (Path base : folders(root)) {
      for (Path adapter : folders(base)) {
        String name = base.getFileName() + "/" + adapter.getFileName();
        if (Files.exists(adapter.resolve("io.safetensors")) && name.matches(filter)) {
          tests.add(DynamicTest.dynamicTest(name, () -> run(name, base, adapter)));
        }
      }
    }
  }

  private static List<Path> folders(Path root) throws IOException {
    try (Stream<Path> children = Files.list(root)) {
      return children.filter(Files::isDirectory).sorted().toList();
    }
  }

  private static void run(String name, Path base, Path adapter) throws IOException {
    try {
      new AdapterHubCase(name, base, adapter).run();
      PASSED.incrementAndGet();
      System.out.println("adapterhub: passed " + name);
    } catch (UnsupportedMethodException e) {
      String reason = String.valueOf(e.getMessage());
      UNSUPPORTED.computeIfAbsent(reason, r -> new ArrayList<>()).add(name);
      throw new TestAbortedException(reason);
    } catch (AssertionError | RuntimeException e) {
      FAILED.incrementAndGet();
      System.out.println(
          "adapterhub: FAILED "
              + name
              + ": "
              + String.valueOf(e.getMessage()).lines().limit(3).toList());
      throw e;
    }
  }

  @AfterAll
  static void summary() {
    UNSUPPORTED.forEach(
        (reason, names) ->
            System.out.println(
                "adapterhub: UNSUPPORTED " + String.join(", ", names) + ": " + reason));
    System.out.printf(
        "adapterhub: %d passed, %d failed, %d unsupported%n",
        PASSED.get(), FAILED.get(), UNSUPPORTED.values().stream().mapToInt(List::size).sum());
  }
}
