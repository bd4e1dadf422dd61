package io.github.peft4j.cli;

import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The labels of a classifier, in the order of its outputs. */
final class LabelsOption {

  @Option(
      names = "--labels",
      paramLabel = "NAME",
      split = ",",
      description =
          "The labels of a classifier in their order: --labels no,yes. By default those of the"
              + " adapter, or of the data, sorted.")
  @Nullable List<String> labels;

  /** The labels that are given, or else others. */
  List<String> or(List<String> others) {
    return labels == null ? others : labels;
  }
}
