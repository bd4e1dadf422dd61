package io.github.peft4j.train.embedding;

import io.github.peft4j.data.AnchorExample;
import io.github.peft4j.metrics.retrieval.Similarity;
import io.github.peft4j.metrics.retrieval.TripletAccuracy;
import io.github.peft4j.train.evaluation.Measure;
import java.util.List;
import java.util.Map;

/**
 * How often an anchor of the validation's {@link AnchorExample}s is more similar to its positive
 * than to its first negative, as sentence-transformers' {@code TripletEvaluator}.
 *
 * @param similarity how similarity is computed
 */
public record TripletMeasure(Similarity similarity) implements Measure {

  /** The accuracy by cosines: {@code cosine_accuracy}. */
  public TripletMeasure() {
    this(Similarity.COSINE);
  }

  @Override
  public List<String> names() {
    return List.of(similarity + "_accuracy");
  }

  @Override
  public Map<String, Double> of(Evaluation evaluation) {
    List<AnchorExample> triplets = Sources.of(AnchorExample.class, evaluation, this);
    return TripletAccuracy.of(
            Sources.vectors(evaluation, triplets.stream().map(AnchorExample::anchor).toList()),
            Sources.vectors(evaluation, triplets.stream().map(AnchorExample::positive).toList()),
            Sources.vectors(evaluation, triplets.stream().map(this::negative).toList()),
            similarity,
            0)
        .values();
  }

  private String negative(AnchorExample example) {
    if (example.negatives().isEmpty()) {
      throw new IllegalArgumentException(
          "%s needs a negative in each example of the validation; '%s' has none"
              .formatted(this, example.anchor()));
    }
    return example.negatives().get(0);
  }

  @Override
  public boolean needsPredictions() {
    return false;
  }
}
