package io.github.peft4j.train.evaluation;

import io.github.peft4j.data.Example;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.generate.Generation;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.metrics.text.Bleu;
import io.github.peft4j.metrics.text.Rouge;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * ROUGE and BLEU of the answers that the model generates for the prompts of the data, as in Hugging
 * Face's examples of summarization and translation. It is for prompts with answers, and takes much
 * longer than the loss.
 *
 * @param config how answers are generated
 * @param batchSize the number of prompts in a batch, 1 or more
 */
public record GeneratedTextMeasure(GenerationConfig config, int batchSize) implements Measure {

  private static final String BLEU = "bleu";

  /** Checks the batch size. */
  public GeneratedTextMeasure {
    if (batchSize < 1) {
      throw new IllegalArgumentException("batchSize is " + batchSize + ", expected 1 or more");
    }
  }

  /** Batches of 8 prompts. */
  public GeneratedTextMeasure(GenerationConfig config) {
    this(config, 8);
  }

  /** {@code rouge1}, {@code rouge2}, {@code rougeL}, {@code rougeLsum} and {@code bleu}. */
  @Override
  public List<String> names() {
    List<String> names = new ArrayList<>(Rouge.standard().types());
    names.add(BLEU);
    return names;
  }

  @Override
  public boolean needsPredictions() {
    return false;
  }

  /**
   * All numbers in percent.
   *
   * @throws IllegalArgumentException if an example is no prompt with an answer, or if several
   *     adapters answer
   */
  @Override
  public Map<String, Double> of(Evaluation evaluation) {
    List<String> prompts = new ArrayList<>();
    List<List<String>> answers = new ArrayList<>();
    for (Example example : evaluation.examples()) {
      if (!(example instanceof PromptExample prompt)) {
        throw new IllegalArgumentException(
            "ROUGE and BLEU need prompts with answers, .prompt(column).answer(column), but there is a "
                + example.getClass().getSimpleName());
      }
      prompts.add(prompt.prompt());
      answers.add(List.of(prompt.answer().strip()));
    }
    List<String> texts = new ArrayList<>();
    for (int from = 0; from < prompts.size(); from += batchSize) {
      List<String> batch = prompts.subList(from, Math.min(from + batchSize, prompts.size()));
      List<Generation> generated = evaluation.model().generate(batch, config);
      if (generated.size() != batch.size()) {
        throw new IllegalArgumentException(
            "adapters are active in parallel, and each gives an answer: measure one at a time");
      }
      generated.forEach(generation -> texts.add(generation.text().strip()));
    }
    Map<String, Double> values = new LinkedHashMap<>();
    values.putAll(Rouge.standard().mean(answers, texts).values());
    values.put(BLEU, Bleu.standard().corpus(answers, texts).score());
    return values;
  }
}
