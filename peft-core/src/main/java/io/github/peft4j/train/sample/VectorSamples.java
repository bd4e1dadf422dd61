package io.github.peft4j.train.sample;

import io.github.peft4j.TextModel;
import io.github.peft4j.data.AnchorExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.ScoredPair;
import io.github.peft4j.train.report.Sample;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Texts whose vectors are near each other. */
public final class VectorSamples {

  /** The most examples whose texts are searched. */
  private static final int SEARCHED = 100;

  private static final int TOP = 3;

  private VectorSamples() {}

  /** The cosine of two texts. */
  public static Sample of(TextModel model, ScoredPair example) {
    float[][] vectors =
        model.embedder().normalized(true).embed(List.of(example.first(), example.second()));
    return new Sample(
        example.first() + "\n" + example.second(),
        TextSamples.number(example.score()),
        TextSamples.number(cosine(vectors[0], vectors[1])),
        false);
  }

  /**
   * The texts that are nearest to an anchor, with their cosines, among those of its own example and
   * of the first examples of the data.
   */
  public static Sample of(
      TextModel model, AnchorExample example, Dataset<? extends Example> examples) {
    Set<String> found = new LinkedHashSet<>();
    add(found, example);
    examples.take(SEARCHED).forEach(each -> add(found, each));
    found.remove(example.anchor());
    List<String> texts = List.copyOf(found);
    float[] anchor = model.embedder().normalized(true).embed(example.anchor());
    float[][] vectors = model.embedder().normalized(true).embed(texts);
    List<Integer> nearest =
        IntStream.range(0, texts.size())
            .boxed()
            .sorted(Comparator.comparingDouble(i -> -cosine(anchor, vectors[i])))
            .limit(TOP)
            .toList();
    String predicted =
        nearest.stream()
            .map(
                i ->
                    "%s (%s)"
                        .formatted(texts.get(i), TextSamples.number(cosine(anchor, vectors[i]))))
            .collect(Collectors.joining("\n"));
    boolean differs = nearest.isEmpty() || !texts.get(nearest.get(0)).equals(example.positive());
    return new Sample(example.anchor(), example.positive(), predicted, differs);
  }

  private static void add(Set<String> texts, Example example) {
    if (example instanceof AnchorExample anchor) {
      texts.add(anchor.positive());
      texts.addAll(anchor.negatives());
    }
  }

  /** Of vectors of length 1. */
  private static double cosine(float[] one, float[] other) {
    double sum = 0;
    for (int i = 0; i < one.length; i++) {
      sum += (double) one[i] * other[i];
    }
    return sum;
  }
}
