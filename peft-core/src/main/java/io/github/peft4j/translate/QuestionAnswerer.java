package io.github.peft4j.translate;

import io.github.peft4j.data.TextPair;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.batch.QuestionWindow;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.transformer.AdaptedModel;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.config.Task;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;

/**
 * Finds the answers to questions in texts. A text that is too long is read in windows that overlap.
 * Windows and answers are those of transformers' run_qa.py.
 *
 * <pre>{@code
 * Answer answer = model.answer("Where do I pay?", "You pay at the desk.");
 * List<Answer> best = model.questionAnswerer().nBest(5).answers(question, text);
 * }</pre>
 *
 * <p>It has no state; several threads may use one.
 */
public final class QuestionAnswerer {

  private static final int MAX_LENGTH = 384;

  private final TextRunner runner;
  private final Tokenizer tokenizer;
  private final AnswerSearch search;
  private final int maxLength;
  private final int stride;

  /**
   * Creates a reader of texts with the settings of run_qa.py: windows of 384 tokens, or fewer if
   * the model has fewer positions, that share 128; answers of at most 30 tokens; always an answer.
   *
   * @param adapted a model for question answering, and its adapters
   * @param tokenizer the model's tokenizer
   * @throws IllegalArgumentException if the model is for another task
   */
  public QuestionAnswerer(AdaptedModel adapted, Tokenizer tokenizer) {
    this(
        new TextRunner(adapted, tokenizer),
        tokenizer,
        AnswerSearch.DEFAULT,
        MAX_LENGTH,
        QuestionWindow.STRIDE);
  }

  private QuestionAnswerer(
      TextRunner runner, Tokenizer tokenizer, AnswerSearch search, int maxLength, int stride) {
    runner.require(Task.Type.QUESTION_ANS, "finds no answers in texts", "Task.questionAnswering()");
    this.runner = runner;
    this.tokenizer = tokenizer;
    this.search = search;
    this.maxLength = maxLength;
    this.stride = stride;
  }

  /**
   * A reader that considers another number of starts and ends, and gives as many answers.
   *
   * @param nBest 1 or more; 20 by default
   */
  public QuestionAnswerer nBest(int nBest) {
    return with(new AnswerSearch(nBest, search.maxTokens(), search.nullThreshold()));
  }

  /**
   * A reader with longer or shorter answers.
   *
   * @param tokens the most tokens of an answer, 1 or more; 30 by default
   */
  public QuestionAnswerer maxAnswerTokens(int tokens) {
    return with(new AnswerSearch(search.nBest(), tokens, search.nullThreshold()));
  }

  /**
   * A reader for models that were trained with questions without an answer, as SQuAD 2 has them: it
   * may answer that the text has none.
   *
   * @param threshold how much larger the logits of "none" must be than those of the best answer; 0
   *     is usual
   */
  public QuestionAnswerer orNone(double threshold) {
    return with(new AnswerSearch(search.nBest(), search.maxTokens(), OptionalDouble.of(threshold)));
  }

  /**
   * A reader with windows of another length.
   *
   * @param maxLength the most tokens of a window, with the question
   * @param stride the tokens of the text that a window shares with the one before it, 0 or more
   */
  public QuestionAnswerer windows(int maxLength, int stride) {
    return new QuestionAnswerer(runner, tokenizer, search, maxLength, stride);
  }

  private QuestionAnswerer with(AnswerSearch changed) {
    return new QuestionAnswerer(runner, tokenizer, changed, maxLength, stride);
  }

  /**
   * The best answer.
   *
   * @param context the text to read
   * @return the answer; {@link Answer#isNone} if there is none
   * @throws IllegalStateException if parallel adapters are active, each of which gives an answer
   */
  public Answer answer(String question, String context) {
    List<Answer> answers = answers(question, context);
    return answers.isEmpty() ? new Answer("", 0, 0, 0) : answers.get(0);
  }

  /**
   * The best answers.
   *
   * @param context the text to read
   * @return at most as many as {@link #nBest}, the best one first; parts of the text, which may
   *     overlap. None if the text has no tokens
   */
  public List<Answer> answers(String question, String context) {
    return answers(List.of(new TextPair(question, context))).get(0);
  }

  /**
   * The best answers to several questions.
   *
   * @param questions each with its text
   * @return the answers to each question, the best one first
   */
  public List<List<Answer>> answers(List<TextPair> questions) {
    try (ModelCall call = runner.newCall()) {
      TextRunner.requireOneAnswer(call, "");
      int length = (int) Math.min(maxLength, call.room());
      List<List<QuestionWindow>> windows =
          questions.stream()
              .map(q -> QuestionWindow.of(tokenizer, q.first(), q.second(), length, stride))
              .toList();
      List<EncodedExample> rows =
          windows.stream()
              .flatMap(List::stream)
              .map(window -> EncodedExample.unlabelled(window.inputIds(), window.tokenTypeIds()))
              .toList();
      TextRunner.requireOneWindowEach(call, questions.size(), rows.size());
      List<float[][]> logits = runner.tokenLogits(rows, call);
      List<List<Answer>> answers = new ArrayList<>();
      int start = 0;
      for (int i = 0; i < questions.size(); i++) {
        int end = start + windows.get(i).size();
        String context = questions.get(i).second();
        answers.add(search.best(context, windows.get(i), logits.subList(start, end)));
        start = end;
      }
      return answers;
    }
  }
}
