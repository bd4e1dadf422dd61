package io.github.peft4j.data.batch;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Labels;
import io.github.peft4j.data.TokensExample;
import io.github.peft4j.data.batch.EncodedExample.Alignment;
import io.github.peft4j.data.tokenizer.AlignedEncoding;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.data.tokenizer.Truncation;
import io.github.peft4j.data.tokenizer.Windows;
import java.util.Arrays;
import java.util.List;

/** See {@link Encoder#tokens(Tokenizer, Labels, int, int, boolean)}. */
record TokensEncoder(
    Tokenizer tokenizer, Labels labels, int maxLength, int stride, boolean allTokens)
    implements Encoder<TokensExample> {

  /** The stride that cuts lists of words. */
  static final int CUTS = -1;

  TokensEncoder {
    Truncation.requirePositive(maxLength);
  }

  @Override
  public EncodedExample encode(TokensExample example) {
    AlignedEncoding whole = whole(example);
    int[] kept = Truncation.kept(whole.encoding(), maxLength);
    return row(whole, labels(whole, example), kept).cutBy(whole.length() - kept.length, 0);
  }

  @Override
  public List<EncodedExample> rows(TokensExample example) {
    if (stride < 0) {
      return List.of(encode(example));
    }
    AlignedEncoding whole = whole(example);
    long[] of = labels(whole, example);
    return Windows.of(whole, 0, maxLength, stride).stream()
        .map(kept -> row(whole, of, kept))
        .toList();
  }

  private AlignedEncoding whole(TokensExample example) {
    AlignedEncoding whole = tokenizer.aligned(example.words());
    if (whole.length() == 0) {
      throw new DataException("the words have no tokens; expected one at least");
    }
    return whole;
  }

  private static EncodedExample row(AlignedEncoding whole, long[] labels, int[] kept) {
    return new EncodedExample(
        Truncation.pick(whole.encoding().ids(), kept),
        Truncation.pick(whole.encoding().typeIds(), kept),
        Truncation.pick(labels, kept),
        Alignment.TOKEN);
  }

  private long[] labels(AlignedEncoding whole, TokensExample example) {
    long[] tags = example.tags().stream().mapToLong(labels::id).toArray();
    long[] of = new long[whole.length()];
    Arrays.fill(of, EncodedExample.IGNORED);
    int before = -1;
    for (int i = 0; i < of.length; i++) {
      int word = whole.words()[i];
      if (word >= 0 && word != before) {
        of[i] = tags[word];
      } else if (word >= 0 && allTokens) {
        of[i] = inside((int) tags[word]);
      }
      before = word;
    }
    return of;
  }

  /** The tag of a word's further tokens. */
  private long inside(int tag) {
    String name = labels.meanings().get(tag);
    int inside = name.startsWith("B-") ? labels.meanings().indexOf("I-" + name.substring(2)) : tag;
    return inside < 0 ? tag : inside;
  }
}
