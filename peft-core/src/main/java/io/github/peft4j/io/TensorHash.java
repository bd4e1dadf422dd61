package io.github.peft4j.io;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Collection;
import java.util.HexFormat;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * A fingerprint of tensors: the SHA-256 of a text with a line for each tensor, sorted,
 *
 * <pre>name dtype[shape] sha256-of-its-bytes</pre>
 *
 * <p>such as {@code lm_head.weight BF16[32000, 4096] 9f86d0…}, each line with a line feed. It is
 * about what the tensors are and not about the files they lie in: one file or several shards, in
 * any order and with any metadata, have the same. Tensors are read in slices and hashed on all
 * cores, so that large models take little memory and about as long as reading them.
 */
public final class TensorHash {

  private TensorHash() {}

  /**
   * The fingerprint of all tensors of a source, in lower-case hexadecimal.
   *
   * @throws java.io.UncheckedIOException if a tensor cannot be read
   */
  public static String of(TensorSource source) {
    return of(source.names().stream().map(source::info).toList(), source::read);
  }

  /**
   * The fingerprint of one tensor's type, shape and bytes, whatever its name.
   *
   * @throws java.io.UncheckedIOException if the tensor cannot be read
   */
  public static String of(TensorSource source, String name) {
    TensorInfo info = source.info(name);
    return info.dtype() + Arrays.toString(info.shape()) + digest(sink -> source.read(name, sink));
  }

  /**
   * The fingerprint of tensors from any source.
   *
   * @param read returns the bytes of a tensor by its name; called by several threads at once
   */
  public static String of(
      Collection<TensorInfo> tensors, BiConsumer<String, Consumer<ByteBuffer>> read) {
    String lines =
        tensors.parallelStream()
            .map(info -> info + " " + digest(sink -> read.accept(info.name(), sink)) + "\n")
            .sorted()
            .collect(Collectors.joining());
    return digest(sink -> sink.accept(ByteBuffer.wrap(lines.getBytes(StandardCharsets.UTF_8))));
  }

  private static String digest(Consumer<Consumer<ByteBuffer>> bytes) {
    try {
      MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
      bytes.accept(sha256::update);
      return HexFormat.of().formatHex(sha256.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JVM has SHA-256", e);
    }
  }
}
