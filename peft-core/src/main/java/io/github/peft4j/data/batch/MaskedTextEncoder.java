package io.github.peft4j.data.batch;

import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.batch.EncodedExample.Alignment;
import io.github.peft4j.data.tokenizer.AlignedEncoding;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.data.tokenizer.Tokenizer.Encoding;
import io.github.peft4j.data.tokenizer.Truncation;

/** See {@link Encoder#masked}. */
record MaskedTextEncoder(Tokenizer tokenizer, int maxLength, boolean wholeWords)
    implements Encoder<TextExample> {

  MaskedTextEncoder {
    Truncation.requirePositive(maxLength);
  }

  @Override
  public EncodedExample encode(TextExample example) {
    AlignedEncoding places = wholeWords ? tokenizer.aligned(example.text(), null) : null;
    Encoding whole = places == null ? tokenizer.input(example.text(), null) : places.encoding();
    long[] words = places == null ? tokens(whole) : words(places);
    int[] kept = Truncation.kept(whole, maxLength);
    return new EncodedExample(
            Truncation.pick(whole.ids(), kept),
            Truncation.pick(whole.typeIds(), kept),
            Truncation.pick(words, kept),
            Alignment.TOKEN)
        .cutBy(whole.ids().length - kept.length, 0);
  }

  /** Each token is a word of its own. */
  private static long[] tokens(Encoding whole) {
    long[] words = new long[whole.ids().length];
    for (int i = 0; i < words.length; i++) {
      words[i] = whole.specialTokenMask()[i] == 0 ? i : EncodedExample.IGNORED;
    }
    return words;
  }

  /**
   * Tokens that follow each other without a gap are a word, as in transformers'
   * DataCollatorForLanguageModeling.
   */
  private static long[] words(AlignedEncoding places) {
    long[] words = new long[places.length()];
    long word = -1;
    for (int i = 0; i < words.length; i++) {
      boolean begins =
          i == 0 || places.isSpecial(i - 1) || places.starts()[i] != places.ends()[i - 1];
      if (places.isSpecial(i)) {
        words[i] = EncodedExample.IGNORED;
      } else {
        word += begins ? 1 : 0;
        words[i] = word;
      }
    }
    return words;
  }
}
