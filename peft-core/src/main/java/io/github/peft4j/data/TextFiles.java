package io.github.peft4j.data;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Opens text files: UTF-8, with or without a byte order mark. */
final class TextFiles {

  private static final char BYTE_ORDER_MARK = '\uFEFF';

  /** Parses the content of a file. */
  interface Parser<T> {
    T parse(BufferedReader reader) throws IOException;
  }

  private TextFiles() {}

  static <T> T read(Path path, Parser<T> parser) {
    try (BufferedReader reader = Files.newBufferedReader(path)) {
      reader.mark(1);
      if (reader.read() != BYTE_ORDER_MARK) {
        reader.reset();
      }
      return parser.parse(reader);
    } catch (CharacterCodingException e) {
      throw new DataException(path + " is not UTF-8 text. Convert it first", e);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + path + ": " + e, e);
    }
  }
}
