package io.github.peft4j.train.pet;

import io.github.peft4j.train.TrainingReport;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * What a {@link Pet} run did.
 *
 * @param members the pattern models of all generations
 * @param labels the labels, in the order of logits
 * @param softLabels the logits that the last generation gives to the unlabelled texts, together
 *     [texts][labels]; empty without unlabelled texts
 * @param classifier the training of the classifier, if there is one that was not trained already
 */
@SuppressWarnings("ArrayRecordComponent") // nobody compares reports
public record PetReport(
    List<PetMember> members,
    List<String> labels,
    double[][] softLabels,
    Optional<TrainingReport> classifier) {

  /** The models, one a line, and what the classifier learnt. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    members.forEach(member -> text.append(member).append('\n'));
    text.append(
        String.format(Locale.ROOT, "%,d texts with soft labels of %s", softLabels.length, labels));
    classifier.ifPresent(report -> text.append("\nclassifier: ").append(report));
    return text.toString();
  }

  /** The labels' probabilities for each unlabelled text [texts][labels]. */
  public double[][] probabilities() {
    double[][] all = new double[softLabels.length][];
    for (int i = 0; i < all.length; i++) {
      all[i] = Votes.softmax(softLabels[i]);
    }
    return all;
  }
}
