package io.github.peft4j.train.sample;

import io.github.peft4j.TextModel;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.QuestionExample;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.TokensExample;
import io.github.peft4j.metrics.entity.Entity;
import io.github.peft4j.metrics.entity.Tags;
import io.github.peft4j.train.report.MarkedText;
import io.github.peft4j.train.report.MarkedText.Mark;
import io.github.peft4j.train.report.Sample;
import io.github.peft4j.translate.Answer;
import io.github.peft4j.translate.Filling;
import io.github.peft4j.translate.MaskFiller;
import io.github.peft4j.translate.QuestionAnswerer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Tagged words, answers and masks: what a model finds in a text. */
public final class PlaceSamples {

  private static final String NONE = "no answer";
  private static final String OUTSIDE = "O";
  private static final int AROUND = 150;
  private static final int SEARCHED = 1000;
  private static final int WORDS_AROUND = 30;
  private static final int TOP = 3;

  private PlaceSamples() {}

  /** The tags of words: entities are marked. */
  public static Sample of(TextModel model, TokensExample example) {
    List<String> predicted = model.tagWords(example.words());
    MarkedText right = tagged(example.words(), example.tags());
    MarkedText found = tagged(example.words(), predicted);
    return new Sample(MarkedText.of(right.text()), right, found, !right.equals(found));
  }

  private static MarkedText tagged(List<String> words, List<String> tags) {
    int[] starts = new int[words.size()];
    int length = 0;
    for (int i = 0; i < starts.length; i++) {
      starts[i] = length;
      length += words.get(i).length() + 1;
    }
    List<Mark> marks =
        entities(tags).stream()
            .map(
                each -> {
                  int last = each.end() - 1;
                  int end = starts[last] + words.get(last).length();
                  return new Mark(starts[each.start()], end, each.type());
                })
            .toList();
    return new MarkedText(String.join(" ", words), marks);
  }

  /** Entities; each tagged word for itself if tags are of another kind, such as parts of speech. */
  private static List<Entity> entities(List<String> tags) {
    return tags.stream().allMatch(Tags::isTag)
        ? Tags.entities(tags)
        : IntStream.range(0, tags.size())
            .filter(i -> !tags.get(i).equals(OUTSIDE))
            .mapToObj(i -> new Entity(tags.get(i), i, i + 1))
            .toList();
  }

  /**
   * The answer to a question, marked in what stands around it. The model may say that there is none
   * if the first examples of the data have a question of that kind.
   */
  public static Sample of(
      TextModel model, QuestionExample example, Dataset<? extends Example> examples) {
    QuestionAnswerer reader = model.questionAnswerer();
    boolean mayBeNone =
        examples.take(SEARCHED).examples().stream()
            .anyMatch(each -> each instanceof QuestionExample q && q.answers().isEmpty());
    Answer found =
        (mayBeNone ? reader.orNone(0) : reader).answer(example.question(), example.context());
    List<QuestionExample.Answer> right = example.answers();
    boolean differs =
        right.isEmpty()
            ? !found.isNone()
            : right.stream().noneMatch(each -> each.text().strip().equals(found.text().strip()));
    return new Sample(
        MarkedText.of(example.question()),
        right.isEmpty()
            ? MarkedText.of(NONE)
            : excerpt(example.context(), right.get(0).start(), right.get(0).end()),
        found.isNone()
            ? MarkedText.of(NONE)
            : excerpt(example.context(), found.start(), found.end()),
        differs);
  }

  private static MarkedText excerpt(String context, int first, int last) {
    int start = first;
    int end = last;
    while (start < end && Character.isWhitespace(context.charAt(start))) {
      start++;
    }
    while (end > start && Character.isWhitespace(context.charAt(end - 1))) {
      end--;
    }
    int from = whole(context, Math.max(0, start - AROUND));
    int to = whole(context, Math.min(context.length(), end + AROUND));
    String before = from > 0 ? "… " : "";
    int shift = before.length() - from;
    String text = before + context.substring(from, to) + (to < context.length() ? " …" : "");
    return new MarkedText(text, List.of(new Mark(start + shift, end + shift, "")));
  }

  /** The index, or the one before it if it is in the middle of a character. */
  private static int whole(String text, int index) {
    boolean within =
        index > 0 && index < text.length() && Character.isLowSurrogate(text.charAt(index));
    return within ? index - 1 : index;
  }

  /** A word in the middle of a text, masked: one that is a single token, if there is any. */
  public static Sample masked(TextModel model, TextExample example) {
    List<String> words = List.of(example.text().strip().split("\\s+"));
    int middle = words.size() / 2;
    int chosen =
        IntStream.range(0, words.size())
            .boxed()
            .sorted((a, b) -> Integer.compare(Math.abs(a - middle), Math.abs(b - middle)))
            .filter(i -> model.tokenizer().encode(" " + words.get(i), false).length == 1)
            .findFirst()
            .orElse(middle);
    MaskFiller filler = model.maskFiller();
    List<String> shown =
        new ArrayList<>(
            words.subList(
                Math.max(0, chosen - WORDS_AROUND), Math.min(words.size(), chosen + WORDS_AROUND)));
    String right = shown.set(Math.min(chosen, WORDS_AROUND), filler.mask());
    String input = String.join(" ", shown);
    List<Filling> found = filler.top(TOP).fill(input);
    String predicted =
        found.stream()
            .map(one -> String.format(Locale.ROOT, "%s (%.2f)", one.token(), one.score()))
            .collect(Collectors.joining("\n"));
    return new Sample(
        input, right, predicted, !found.get(0).token().strip().equalsIgnoreCase(right));
  }
}
