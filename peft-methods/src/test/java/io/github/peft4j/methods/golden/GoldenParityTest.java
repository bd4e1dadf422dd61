package io.github.peft4j.methods.golden;

import ai.djl.Device;
import ai.djl.engine.Engine;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.transformer.config.UnsupportedModelException;
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
 * Everything that Hugging Face transformers and PEFT computed in the golden folders is computed
 * here too. Cases are found by walking the folders: a new folder is a new case.
 */
class GoldenParityTest {

  private static final AtomicInteger PASSED = new AtomicInteger();
  private static final AtomicInteger FAILED = new AtomicInteger();

  /** Cases that are not supported yet, by the reason without its file. */
  private static final Map<String, List<String>> UNSUPPORTED = new TreeMap<>();

  @TestFactory
  List<DynamicTest> golden() throws IOException, URISyntaxException {
    List<DynamicTest> tests = new ArrayList<>();
    URL own = Objects.requireNonNull(getClass().getResource("/golden"), "the project's own set");
    cases(Path.of(own.toURI()), tests);
    Path shared = Path.of(System.getProperty("peft4j.golden", "../../shared/golden"));
    if (Files.isDirectory(shared)) {
      cases(shared, tests);
    } else {
      System.out.println(
          "golden: SKIPPED "
              + shared.toAbsolutePath().normalize()
              + " is not there; point -Dpeft4j.golden at a folder of golden cases");
    }
    return tests;
  }

  private static void cases(Path root, List<DynamicTest> tests) throws IOException {
    String filter = System.getProperty("peft4j.golden.cases", ".*");
    for (Path base : folders(root)) {
      List<Path> adapters = new ArrayList<>(List.of(base));
      adapters.addAll(folders(base));
      for (Path adapter : adapters) {
        String name =
            base.getFileName() + "/" + (adapter.equals(base) ? "base" : adapter.getFileName());
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
    boolean gpu = Boolean.getBoolean("peft4j.golden.cuda");
    Device device = gpu ? Device.gpu() : Device.cpu();
    if (gpu && Engine.getEngine("PyTorch").getGpuCount() == 0) {
      throw new IllegalStateException("peft4j.golden.cuda is set, but there is no CUDA GPU");
    }
    try {
      Precision precision =
          Precision.valueOf(System.getProperty("peft4j.golden.precision", "FLOAT32"));
      double tolerance = precision != Precision.FLOAT32 ? 3e-2 : gpu ? 1e-3 : 1e-4;
      new GoldenCase(name, base, adapter, device, precision, tolerance).run();
      PASSED.incrementAndGet();
      System.out.println("golden: passed " + name);
    } catch (UnsupportedModelException | io.github.peft4j.config.UnsupportedMethodException e) {
      String reason = String.valueOf(e.getMessage()).replaceFirst("^\\S+\\.json: (\\S+: )?", "");
      UNSUPPORTED.computeIfAbsent(reason, r -> new ArrayList<>()).add(name);
      System.out.println("golden: unsupported " + name + ": " + e.getMessage());
      throw new TestAbortedException(e.getMessage());
    } catch (AssertionError | RuntimeException e) {
      FAILED.incrementAndGet();
      System.out.println(
          "golden: FAILED " + name + ": " + String.valueOf(e.getMessage()).lines().findFirst());
      throw e;
    }
  }

  @AfterAll
  static void summary() {
    System.out.printf(
        "golden: %d passed, %d failed, %d unsupported%n",
        PASSED.get(), FAILED.get(), UNSUPPORTED.values().stream().mapToInt(List::size).sum());
    UNSUPPORTED.forEach(
        (reason, names) ->
            System.out.println("golden: UNSUPPORTED " + String.join(", ", names) + ": " + reason));
  }
}
