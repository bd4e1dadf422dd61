package io.github.peft4j.data.batch;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.QuestionExample;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.data.tokenizer.Truncation;
import java.util.List;

/** See {@link Encoder#question}. */
record QuestionEncoder(Tokenizer tokenizer, int maxLength, int stride)
    implements Encoder<QuestionExample> {

  QuestionEncoder {
    Truncation.requirePositive(maxLength);
  }

  @Override
  public EncodedExample encode(QuestionExample example) {
    List<EncodedExample> rows = rows(example);
    if (rows.size() > 1) {
      throw new DataException(
          "the text takes %d windows of %d tokens; take rows(example), which gives them all"
              .formatted(rows.size(), maxLength));
    }
    return rows.get(0);
  }

  @Override
  public List<EncodedExample> rows(QuestionExample example) {
    return QuestionWindow.of(tokenizer, example.question(), example.context(), maxLength, stride)
        .stream()
        .map(window -> window.labelled(example.answers(), tokenizer))
        .toList();
  }
}
