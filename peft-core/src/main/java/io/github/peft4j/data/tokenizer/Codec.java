package io.github.peft4j.data.tokenizer;

import io.github.peft4j.data.tokenizer.Tokenizer.Encoding;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What computes the ids of texts. A {@link Tokenizer} guards it. */
interface Codec extends AutoCloseable {

  /** The ids of a text. */
  long[] ids(String text, boolean specialTokens);

  /** One text or a pair, with the special tokens that the model expects. */
  Encoding encoding(String text, @Nullable String pair);

  /** As {@link #encoding}, with the places of the tokens. */
  AlignedEncoding aligned(String text, @Nullable String pair);

  /** A text without special tokens around it, with the places of the tokens. */
  AlignedEncoding bareAligned(String text);

  /** A list of words as one text, each of them cut on its own. */
  AlignedEncoding aligned(List<String> words);

  /** A text that the model is to write, with the special tokens that the model expects. */
  Encoding targetEncoding(String text);

  /**
   * The text of some ids.
   *
   * @param ids 0 or more; ids that the vocabulary lacks give no text
   */
  String decode(long[] ids, boolean skipSpecialTokens);

  /** The files that hold it, unless it is a tokenizer.json. */
  default List<Path> files() {
    return List.of();
  }

  @Override
  void close();
}
