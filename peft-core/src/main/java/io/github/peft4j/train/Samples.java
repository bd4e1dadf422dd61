package io.github.peft4j.train;

import io.github.peft4j.TextModel;
import io.github.peft4j.data.AnchorExample;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.MultiLabelExample;
import io.github.peft4j.data.PreferenceExample;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.QuestionExample;
import io.github.peft4j.data.RegressionExample;
import io.github.peft4j.data.ScoredPair;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.TokensExample;
import io.github.peft4j.data.conversation.ConversationExample;
import io.github.peft4j.data.conversation.ConversationPreference;
import io.github.peft4j.train.report.Sample;
import io.github.peft4j.train.sample.PlaceSamples;
import io.github.peft4j.train.sample.TextSamples;
import io.github.peft4j.train.sample.VectorSamples;
import io.github.peft4j.train.sample.WrittenSamples;
import io.github.peft4j.transformer.config.Task;
import java.util.ArrayList;
import java.util.List;

/** Predictions for some examples of a data set, to look at in a report. */
public final class Samples {

  private Samples() {}

  /**
   * Predicts some examples, which lie at equal distances in the data. What is shown depends on the
   * kind of the examples:
   *
   * <ul>
   *   <li>texts and pairs of texts: the class, the labels or the number;
   *   <li>prompts: the answer, with the model's settings of generation;
   *   <li>conversations: the last turn of the assistant, of 128 tokens at most; for preferences the
   *       model's answer beside the better and the worse one;
   *   <li>tagged words: the entities, marked; questions: the answer, marked in the text;
   *   <li>plain texts: what stands in place of a mask, or how the text goes on;
   *   <li>texts that belong together: the nearest texts or the cosine.
   * </ul>
   *
   * @param count the number of examples, or all if there are fewer
   * @throws IllegalArgumentException if the model does not do what the examples ask for, or if they
   *     are of another kind
   */
  public static List<Sample> of(TextModel model, Examples<?> examples, int count) {
    Dataset<? extends Example> all = examples.dataset();
    int chosen = Math.min(count, all.size());
    List<Sample> samples = new ArrayList<>();
    for (int i = 0; i < chosen; i++) {
      samples.add(sample(model, all.get((int) ((long) i * all.size() / chosen)), all));
    }
    return samples;
  }

  private static Sample sample(TextModel model, Example example, Dataset<? extends Example> all) {
    if (example instanceof ClassificationExample row) {
      return TextSamples.of(model, row);
    } else if (example instanceof MultiLabelExample row) {
      return TextSamples.of(model, row);
    } else if (example instanceof RegressionExample row) {
      return TextSamples.of(model, row);
    } else if (example instanceof PromptExample prompt) {
      return WrittenSamples.of(model, prompt);
    } else if (example instanceof PreferenceExample pair) {
      return WrittenSamples.of(model, pair);
    } else if (example instanceof ConversationExample conversation) {
      return WrittenSamples.of(model, conversation);
    } else if (example instanceof ConversationPreference pair) {
      return WrittenSamples.of(model, pair);
    } else if (example instanceof TextExample text) {
      return model.base().task().type() == Task.Type.MASKED_LM
          ? PlaceSamples.masked(model, text)
          : WrittenSamples.of(model, text);
    } else if (example instanceof TokensExample words) {
      return PlaceSamples.of(model, words);
    } else if (example instanceof QuestionExample question) {
      return PlaceSamples.of(model, question, all);
    } else if (example instanceof AnchorExample anchor) {
      return VectorSamples.of(model, anchor, all);
    } else if (example instanceof ScoredPair pair) {
      return VectorSamples.of(model, pair);
    }
    throw new IllegalArgumentException(
        "no sample predictions of "
            + example.getClass().getSimpleName()
            + ", which is a kind of your own; make Sample records of your own");
  }
}
