package io.github.peft4j.examples.bench;

import ai.djl.pytorch.jni.LibUtils;
import ai.djl.util.Platform;
import ai.djl.util.Utils;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** The native libraries that run, and whose they are. */
final class Natives {

  private static final String OTHER_TORCH = "PYTORCH_LIBRARY_PATH";

  private Natives() {}

  /**
   * Whose libraries run: {@code stock} if libtorch has the version that DJL expects and no variable
   * names another, and if the JNI library is byte for byte one of DJL's jar.
   */
  static String origin() {
    Platform expected = Platform.fromSystem("pytorch");
    boolean other =
        Utils.getEnvOrSystemProperty(OTHER_TORCH) != null
            || !LibUtils.getVersion().startsWith(expected.getVersion());
    String torch = other ? "libtorch not of DJL" : "";
    String jni = jni(expected);
    List<String> differences = Stream.of(torch, jni).filter(text -> !text.isEmpty()).toList();
    return differences.isEmpty() ? "stock" : String.join(", ", differences);
  }

  private static String jni(Platform expected) {
    Optional<Path> loaded =
        Environment.lines(Path.of("/proc/self/maps"))
            .filter(line -> line.contains("djl_torch"))
            .map(line -> Path.of(line.substring(line.indexOf('/'))))
            .findFirst();
    if (loaded.isEmpty()) {
      return "JNI unknown";
    }
    byte[] bytes = bytes(loaded.get());
    boolean stock =
        Stream.of("cpu", expected.getFlavor(), "cu128")
            .map(flavor -> "/jnilib/linux-x86_64/" + flavor + "/libdjl_torch.so")
            .anyMatch(resource -> Arrays.equals(bytes, bytes(resource)));
    return stock ? "" : "JNI not of DJL's jar";
  }

  private static byte[] bytes(Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static byte[] bytes(String resource) {
    try (InputStream in = LibUtils.class.getResourceAsStream(resource)) {
      return in == null ? new byte[0] : in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
