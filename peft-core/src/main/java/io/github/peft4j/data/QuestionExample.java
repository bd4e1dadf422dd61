package io.github.peft4j.data;

import java.util.List;
import java.util.stream.Stream;

/**
 * A question whose answer is a part of a text.
 *
 * @param question the question
 * @param context the text to read
 * @param answers the right answers, as several people gave them; none if the text has no answer.
 *     Training takes the first
 */
public record QuestionExample(String question, String context, List<Answer> answers)
    implements Example {

  /**
   * An answer.
   *
   * @param text its words, as they stand in the context
   * @param start where it begins in the context, a {@code char} index. SQuAD's {@code answer_start}
   *     counts code points, which is the same in texts without emoji and rare characters
   */
  public record Answer(String text, int start) {

    /** Where it ends in the context, exclusive. */
    public int end() {
      return start + text.length();
    }
  }

  /**
   * Checks that the answers are in the context.
   *
   * @throws DataException if one is not where it says
   */
  public QuestionExample {
    answers = List.copyOf(answers);
    for (Answer answer : answers) {
      if (!context.startsWith(answer.text(), answer.start())) {
        int found = context.indexOf(answer.text());
        throw new DataException(
            "the context has no '%s' at %d; %s"
                .formatted(
                    Quote.shorten(answer.text()),
                    answer.start(),
                    found < 0 ? "it is not in the context" : "it stands at " + found));
      }
    }
  }

  /** A question with one answer. */
  public QuestionExample(String question, String context, String answer, int start) {
    this(question, context, List.of(new Answer(answer, start)));
  }

  @Override
  public List<String> fields() {
    return Stream.concat(
            Stream.of(question, context),
            answers.stream().flatMap(a -> Stream.of(a.text(), Integer.toString(a.start()))))
        .toList();
  }
}
