package io.github.peft4j.data.batch;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Example;
import java.util.List;
import java.util.stream.LongStream;

/**
 * An example that is ids already, with labels that an objective understands. A training takes it as
 * it is: nothing is cut, masked or added.
 *
 * @param ids the ids and labels
 */
public record IdsExample(EncodedExample ids) implements Example {

  @Override
  public List<String> fields() {
    return ids.texts().stream()
        .flatMap(
            text ->
                LongStream.concat(LongStream.of(text.inputIds()), LongStream.of(text.labels()))
                    .boxed())
        .map(String::valueOf)
        .toList();
  }

  /** The ids, if the model has room for them. */
  public EncodedExample fitting(int maxLength) {
    for (EncodedExample text : ids.texts()) {
      if (text.length() > maxLength) {
        throw new DataException(
            "the example has %d ids, but there is room for %d".formatted(text.length(), maxLength));
      }
    }
    return ids;
  }
}
