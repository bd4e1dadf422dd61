package io.github.peft4j.data.batch;

import io.github.peft4j.data.AnswerTooLongException;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.tokenizer.Ids;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.data.tokenizer.Truncation;
import java.util.Arrays;
import java.util.OptionalLong;
import java.util.stream.LongStream;

/** See {@link Encoder#prompt}. */
record PromptExampleEncoder(JoinedTexts texts, int maxLength) implements Encoder<PromptExample> {

  PromptExampleEncoder {
    Truncation.requirePositive(maxLength);
  }

  PromptExampleEncoder(Tokenizer tokenizer, int maxLength) {
    this(new JoinedTexts(tokenizer), maxLength);
  }

  @Override
  public EncodedExample encode(PromptExample example) {
    long[] whole = texts.ids(example.prompt(), example.answer());
    int start = texts.start(example.prompt(), whole);
    long[] prompt = cut(Arrays.copyOf(whole, start), whole.length - start);
    long[] ids = Ids.concat(prompt, Arrays.copyOfRange(whole, start, whole.length));
    long[] labels = ids.clone();
    Arrays.fill(labels, 0, prompt.length, EncodedExample.IGNORED);
    return EncodedExample.ofTokens(ids, labels).cutBy(start - prompt.length, 0);
  }

  private long[] cut(long[] prompt, int answerLength) {
    int room = maxLength - answerLength;
    // Nothing predicts the first id of a row, so at least one id of the prompt must come before the
    // answer.
    if (room < Math.min(1, prompt.length)) {
      throw new AnswerTooLongException(
          "the answer has %d tokens with the end of text, but maxLength is %d"
              .formatted(answerLength, maxLength),
          answerLength + 1);
    }
    if (prompt.length <= room) {
      return prompt;
    }
    boolean begins = texts.tokenizer().bosId().equals(OptionalLong.of(prompt[0])) && room > 1;
    LongStream head = begins ? LongStream.of(prompt[0]) : LongStream.empty();
    int tail = begins ? room - 1 : room;
    return LongStream.concat(head, Arrays.stream(prompt, prompt.length - tail, prompt.length))
        .toArray();
  }
}
