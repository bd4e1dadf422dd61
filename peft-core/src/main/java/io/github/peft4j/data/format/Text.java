package io.github.peft4j.data.format;

import io.github.peft4j.data.DataException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/** Bytes as text. */
final class Text {

  private Text() {}

  /** The text of bytes in UTF-8. Other encodings are refused, and so are zero bytes. */
  static String decode(String place, byte[] bytes) {
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] == 0) {
        throw new DataException(
            ("%s: byte %d of the row is zero, which is no text. Is the file UTF-16 or UTF-32, or"
                    + " damaged? Convert it to UTF-8 first")
                .formatted(place, i));
      }
    }
    return utf8(place, bytes);
  }

  /** The text of bytes in UTF-8, which may be zero. */
  static String utf8(String place, byte[] bytes) {
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPORT)
          .onUnmappableCharacter(CodingErrorAction.REPORT)
          .decode(ByteBuffer.wrap(bytes))
          .toString();
    } catch (CharacterCodingException e) {
      throw new DataException(
          ("%s is not UTF-8 text. Convert it first, for example by"
                  + " iconv -f ISO-8859-1 -t UTF-8 old > new")
              .formatted(place),
          e);
    }
  }

  /** Refuses a text with half a surrogate pair, which no tokenizer reads. */
  static String whole(String place, String where, String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (Character.isHighSurrogate(c)
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        i++;
      } else if (Character.isSurrogate(c)) {
        throw new DataException(
            ("%s: %s has half a surrogate pair (\\u%04x) at character %d, which is no text."
                    + " Write the whole character, or U+FFFD in its place")
                .formatted(place, where, (int) c, i));
      }
    }
    return text;
  }
}
