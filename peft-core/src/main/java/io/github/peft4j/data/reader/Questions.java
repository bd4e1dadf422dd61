package io.github.peft4j.data.reader;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.QuestionExample;
import io.github.peft4j.data.QuestionExample.Answer;
import io.github.peft4j.data.Quote;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Questions in SQuAD's forms: nested as its files have them, or a row for each question. */
final class Questions {

  private Questions() {}

  /** Whether a row is a whole file of SQuAD: {@code data} has articles with paragraphs. */
  static boolean isFile(Map<String, @Nullable Object> row) {
    return row.get("data") instanceof List<?> articles
        && articles.stream()
            .allMatch(
                article ->
                    article instanceof Map<?, ?> map && map.get("paragraphs") instanceof List);
  }

  /** The questions of a row: of a whole file, an article, a paragraph, or a single one. */
  static List<QuestionExample> of(Fields row) {
    List<QuestionExample> questions = new ArrayList<>();
    if (row.has("data")) {
      row.objects("data").forEach(article -> questions.addAll(of(article)));
    } else if (row.has("paragraphs")) {
      row.objects("paragraphs").forEach(paragraph -> questions.addAll(of(paragraph)));
    } else if (row.has("qas")) {
      String context = row.text("context");
      row.objects("qas").forEach(question -> questions.add(question(question, context)));
    } else {
      questions.add(question(row, row.text("context")));
    }
    return questions;
  }

  private static QuestionExample question(Fields fields, String context) {
    String question = fields.text("question");
    try {
      boolean impossible = Boolean.TRUE.equals(fields.get("is_impossible"));
      return new QuestionExample(
          question, context, impossible ? List.of() : answers(fields.get("answers"), context));
    } catch (DataException e) {
      throw DataException.at("question '%s'".formatted(Quote.shorten(question)), e);
    }
  }

  /** A list of text and answer_start, or lists of texts and of starts. */
  private static List<Answer> answers(@Nullable Object answers, String context) {
    List<Answer> found = new ArrayList<>();
    if (answers instanceof Map) {
      Fields columns = Fields.object("answers", answers);
      if (!(columns.get("text") instanceof List && columns.get("answer_start") instanceof List)) {
        throw Fields.wrong("answers", answers, "an object with the lists text and answer_start");
      }
      List<String> texts = columns.texts("text");
      List<?> starts = columns.list("answer_start");
      if (texts.size() != starts.size()) {
        throw new DataException(
            "there are %d texts and %d starts of answers, expected as many"
                .formatted(texts.size(), starts.size()));
      }
      for (int i = 0; i < texts.size(); i++) {
        found.add(answer(texts.get(i), starts.get(i), context));
      }
    } else if (answers instanceof List<?> list) {
      for (Object element : list) {
        Fields answer = Fields.object("answers", element);
        found.add(answer(answer.text("text"), answer.get("answer_start"), context));
      }
    } else {
      throw Fields.wrong("answers", answers, "a list of objects with text and answer_start");
    }
    return found;
  }

  /** Files count code points, Java counts chars. */
  private static Answer answer(String text, @Nullable Object start, String context) {
    if (!(start instanceof Long points)) {
      throw Fields.wrong("answer_start", start, "a whole number");
    }
    if (text.isEmpty()) {
      throw new DataException("an answer is empty. A question without an answer has no answers");
    }
    int length = context.codePointCount(0, context.length());
    if (points < 0 || points > length) {
      throw new DataException(
          "answer_start is %d, expected 0 to %d, which is the context's number of characters"
              .formatted(points, length));
    }
    int index = context.offsetByCodePoints(0, Math.toIntExact(points));
    if (!context.startsWith(text, index)) {
      int end = Math.min(context.length(), index + text.length());
      throw new DataException(
          "answer '%s' does not stand at answer_start %d of the context, but '%s'. It counts characters (code points), from 0"
              .formatted(
                  Quote.shorten(text), points, Quote.shorten(context.substring(index, end))));
    }
    return new Answer(text, index);
  }
}
