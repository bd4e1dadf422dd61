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
record PromptExampleEncoder(Tokenizer tokenizer, int maxLength) implements Encoder<PromptExample> {

  PromptExampleEncoder {
    Truncation.requirePositive(maxLength);
  }

  @Override
  public EncodedExample encode(PromptExample example) {
    long[] answer = Ids.closed(tokenizer.encode(example.answer(), false), tokenizer);
    long[] whole = Ids.open(tokenizer.encode(example.prompt()), tokenizer);
    long[] prompt = cut(whole, answer.length);
    long[] ids = Ids.concat(prompt, answer);
    long[] labels = ids.clone();
    Arrays.fill(labels, 0, prompt.length, EncodedExample.IGNORED);
    return EncodedExample.ofTokens(ids, labels).cutBy(whole.length - prompt.length, 0);
  }

  private long[] cut(long[] prompt, int answerLength) {
    int room = maxLength - answerLength;
    // Nothing predicts the first id of a row, so at least one id of the prompt must come before the
    // answer.
    if (room < Math.min(1, prompt.length)) {
      throw new AnswerTooLongException(
          ("the answer has %d tokens with the end of text, but maxLength is %d."
                  + " Raise it to %d or filter such examples out")
              .formatted(answerLength, maxLength, answerLength + 1),
          answerLength + 1);
    }
    if (prompt.length <= room) {
      return prompt;
    }
    boolean begins = tokenizer.bosId().equals(OptionalLong.of(prompt[0])) && room > 1;
    LongStream head = begins ? LongStream.of(prompt[0]) : LongStream.empty();
    int tail = begins ? room - 1 : room;
    return LongStream.concat(head, Arrays.stream(prompt, prompt.length - tail, prompt.length))
        .toArray();
  }
}
