package io.github.peft4j.cli;

import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.transformer.config.Task;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Merges an adapter into the weights of its model. */
@Command(
    name = "merge",
    description = "Writes a model with an adapter merged into its weights as a plain folder.",
    sortOptions = false,
    abbreviateSynopsis = true)
final class Merge implements Callable<Integer> {

  @Mixin private final ModelOptions model = new ModelOptions();
  @Mixin private final AdapterOption adapter = new AdapterOption();

  @Mixin private final OutputOptions output = new OutputOptions();

  @Option(
      names = "--onnx",
      description = "Writes model.onnx instead of safetensors, for a model that does not generate.")
  private boolean onnx;

  @Option(
      names = "--task",
      paramLabel = "NAME",
      description = "The task of an adapter with a classifier: classify, multi-label, tokens, …")
  private @Nullable DataTask task;

  @Mixin private final LabelsOption labels = new LabelsOption();
  @Mixin private final Common common = new Common();

  @Override
  public Integer call() {
    Mistakes.given("--model", model.model);
    Path folder =
        output.folder(
            model.model,
            "a model",
            List.of("config.json", "model.safetensors", "model.onnx", "adapter_config.json"),
            "");
    Mistakes.given("--adapter", adapter.adapter);
    List<String> names = labels.or(adapter.labels());
    if (task == null && !names.isEmpty()) {
      throw new IllegalArgumentException(
          "--task is missing: the adapter has a classifier of %s. Say which task it was trained for"
              .formatted(names));
    }
    if (task != null && task.hasLabels() && names.isEmpty()) {
      throw new IllegalArgumentException(
          "--labels is missing: no file of %s here names them. Give them in their order: --labels no,yes"
              .formatted(adapter.adapter));
    }
    Optional<Task> head =
        Optional.ofNullable(task).flatMap(each -> each.of(new Dataset<>(List.of()), names));
    try (PeftModel loaded = model.load(head)) {
      adapter.load(loaded);
      if (onnx) {
        loaded.saveOnnx(folder);
      } else {
        loaded.saveMerged(folder.toString());
      }
      common.out().println("model: " + folder);
    }
    return Cli.FINE;
  }
}
