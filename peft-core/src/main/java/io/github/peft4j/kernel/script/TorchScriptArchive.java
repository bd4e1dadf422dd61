package io.github.peft4j.kernel.script;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Writes the archive that {@code torch.jit.load} reads: a stored zip with the code as text and a
 * pickled module without attributes. The layout is that of torch/csrc/jit/docs/serialization.md.
 */
public final class TorchScriptArchive {

  private static final Pattern DEFINITION = Pattern.compile("(?m)^def (\\w+)\\(");
  private static final byte[] EMPTY_TUPLE = {(byte) 0x80, 2, ')', '.'};

  private TorchScriptArchive() {}

  public static byte[] of(String source) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      zip.setMethod(ZipOutputStream.STORED);
      store(zip, "kernel/data.pkl", module());
      store(zip, "kernel/code/__torch__.py", utf8(classOf(source)));
      store(zip, "kernel/constants.pkl", EMPTY_TUPLE);
      store(zip, "kernel/version", utf8("10\n"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  /** Turns plain functions into the methods of one class. The last one becomes {@code forward}. */
  static String classOf(String source) {
    List<String> names = new ArrayList<>();
    Matcher matcher = DEFINITION.matcher(source);
    while (matcher.find()) {
      names.add(matcher.group(1));
    }
    if (names.isEmpty()) {
      throw new IllegalArgumentException("a kernel needs a def:\n" + source);
    }
    String last = names.get(names.size() - 1);
    String methods = source.strip().replaceAll("\\s+#.*", "");
    for (String name : names) {
      String method = name.equals(last) ? "forward" : name;
      methods =
          methods
              .replaceAll("(?<![\\w.])(?<!def )" + name + "\\(", "self." + method + "(")
              .replaceAll(
                  "(?m)^def " + name + "\\(", "def " + method + "(self: __torch__.Kernel, ");
    }
    return """
        class Kernel(Module):
          __parameters__ = []
          __buffers__ = []
          training : bool
        """
        + methods.indent(2);
  }

  /** The pickle of {@code Kernel(training=False)}. */
  private static byte[] module() throws IOException {
    ByteArrayOutputStream pickle = new ByteArrayOutputStream();
    pickle.write(new byte[] {(byte) 0x80, 2});
    pickle.write(utf8("c__torch__\nKernel\nq"));
    pickle.write(new byte[] {0, ')', (byte) 0x81, '}', '(', 'X', 8, 0, 0, 0});
    pickle.write(utf8("training"));
    pickle.write(new byte[] {'q', 1, (byte) 0x89, 'u', 'b', '.'});
    return pickle.toByteArray();
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static void store(ZipOutputStream zip, String name, byte[] content) throws IOException {
    CRC32 crc = new CRC32();
    crc.update(content);
    ZipEntry entry = new ZipEntry(name);
    entry.setSize(content.length);
    entry.setCompressedSize(content.length);
    entry.setCrc(crc.getValue());
    zip.putNextEntry(entry);
    zip.write(content);
    zip.closeEntry();
  }
}
