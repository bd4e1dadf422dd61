package io.github.peft4j.translate;

import io.github.peft4j.data.batch.QuestionWindow;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.IntStream;

/**
 * How logits of starts and ends become answers: {@code postprocess_qa_predictions} of transformers'
 * utils_qa.py.
 *
 * @param nBest the number of the likeliest starts and ends that are combined, and of answers; 1 or
 *     more
 * @param maxTokens the most tokens of an answer, 1 or more
 * @param nullThreshold if there may be no answer: how much larger the logits of "none" must be than
 *     those of the best answer. Otherwise nothing, and the text always has an answer
 */
public record AnswerSearch(int nBest, int maxTokens, OptionalDouble nullThreshold) {

  /** 20 starts and ends, 30 tokens, and always an answer, as in run_qa.py. */
  public static final AnswerSearch DEFAULT = new AnswerSearch(20, 30, OptionalDouble.empty());

  /** Checks the numbers. */
  public AnswerSearch {
    if (nBest < 1 || maxTokens < 1) {
      throw new IllegalArgumentException(
          "nBest is %d and maxTokens is %d; expected 1 or more".formatted(nBest, maxTokens));
    }
  }

  /** A part of the text, with the sum of the logits of its start and its end. */
  private record Span(int start, int end, float score) {}

  /**
   * The answers in a text, the best one first.
   *
   * @param context the text
   * @param windows its windows
   * @param logits of the tokens of each window, [T][2]: of being the start and the end
   * @return at most {@link #nBest} answers, and one more if there may be none. The answer "none" is
   *     the first if it is the best by the threshold
   */
  public List<Answer> best(String context, List<QuestionWindow> windows, List<float[][]> logits) {
    List<Span> found = new ArrayList<>();
    Span none = null;
    for (int w = 0; w < windows.size(); w++) {
      float[][] scores = logits.get(w);
      float nothing = scores[0][0] + scores[0][1];
      if (none == null || none.score() > nothing) {
        none = new Span(0, 0, nothing);
      }
      found.addAll(spans(windows.get(w), scores));
    }
    if (none == null) {
      return List.of();
    }
    boolean mayBeNone = nullThreshold.isPresent();
    if (mayBeNone) {
      found.add(none);
    }
    found.sort(Comparator.comparingDouble(Span::score).reversed());
    List<Span> best = new ArrayList<>(found.subList(0, Math.min(nBest, found.size())));
    if (mayBeNone && best.stream().noneMatch(span -> span.start() == 0 && span.end() == 0)) {
      best.add(none);
    }
    List<Answer> answers = answers(context, best);
    return mayBeNone ? ordered(answers, best, none) : answers;
  }

  private List<Span> spans(QuestionWindow window, float[][] logits) {
    List<Span> spans = new ArrayList<>();
    int[] ends = largest(logits, 1);
    for (int first : largest(logits, 0)) {
      for (int last : ends) {
        boolean inText = window.isText(first) && window.isText(last);
        if (inText && first <= last && last - first < maxTokens) {
          float score = logits[first][0] + logits[last][1];
          spans.add(new Span(window.starts()[first], window.ends()[last], score));
        }
      }
    }
    return spans;
  }

  /** The tokens with the largest logits, the largest first. */
  private int[] largest(float[][] logits, int column) {
    return IntStream.range(0, logits.length)
        .boxed()
        .sorted(
            Comparator.comparingDouble((Integer i) -> -logits[i][column])
                .thenComparing(Comparator.reverseOrder()))
        .limit(nBest)
        .mapToInt(i -> i)
        .toArray();
  }

  private static List<Answer> answers(String context, List<Span> spans) {
    double max = spans.stream().mapToDouble(Span::score).max().orElse(0);
    double sum = spans.stream().mapToDouble(span -> Math.exp(span.score() - max)).sum();
    return spans.stream()
        .map(
            span ->
                new Answer(
                    context.substring(span.start(), span.end()),
                    Math.exp(span.score() - max) / sum,
                    span.start(),
                    span.end()))
        .toList();
  }

  /** The answer that the threshold chooses comes first; the others stay in their order. */
  private List<Answer> ordered(List<Answer> answers, List<Span> spans, Span none) {
    List<Answer> ordered = new ArrayList<>(answers);
    for (int i = 0; i < answers.size(); i++) {
      if (!answers.get(i).isNone()) {
        boolean isNone = none.score() - spans.get(i).score() > nullThreshold.orElse(0);
        int chosen = isNone ? place(answers) : i;
        ordered.add(0, ordered.remove(chosen));
        return ordered;
      }
    }
    return ordered;
  }

  private static int place(List<Answer> answers) {
    return IntStream.range(0, answers.size())
        .filter(i -> answers.get(i).isNone())
        .findFirst()
        .orElseThrow();
  }
}
