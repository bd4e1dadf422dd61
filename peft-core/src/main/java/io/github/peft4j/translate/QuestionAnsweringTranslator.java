package io.github.peft4j.translate;

import ai.djl.modality.nlp.qa.QAInput;
import io.github.peft4j.data.TextPair;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.transformer.AdaptedModel;
import java.util.List;

/**
 * A translator for answering questions with DJL's {@code Predictor}. It takes and gives what DJL's
 * own {@code QuestionAnsweringTranslator} does: a question with a paragraph, and the text of the
 * answer, which is empty if there is none.
 */
public final class QuestionAnsweringTranslator extends AnsweringTranslator<QAInput, String> {

  /**
   * Creates a translator with the defaults of {@link QuestionAnswerer}.
   *
   * @param model the predictor's block
   * @param tokenizer the model's tokenizer
   * @throws IllegalArgumentException if the model is for another task
   */
  public QuestionAnsweringTranslator(AdaptedModel model, Tokenizer tokenizer) {
    this(model, new QuestionAnswerer(model, tokenizer));
  }

  /**
   * Creates a translator.
   *
   * @param model the predictor's block
   * @param reader what answers the questions, with this model
   */
  public QuestionAnsweringTranslator(AdaptedModel model, QuestionAnswerer reader) {
    super(model, questions -> answers(reader, questions));
  }

  private static List<String> answers(QuestionAnswerer reader, List<QAInput> questions) {
    return reader
        .answers(
            questions.stream().map(q -> new TextPair(q.getQuestion(), q.getParagraph())).toList())
        .stream()
        .map(answers -> answers.isEmpty() ? "" : answers.get(0).text())
        .toList();
  }
}
