package io.github.peft4j.cli;

import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.io.gguf.GgufType;
import io.github.peft4j.transformer.config.Task;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
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

  private static final String GGUF_FILE = "model.gguf";

  @Mixin private final ModelOptions model = new ModelOptions();
  @Mixin private final AdapterOption adapter = new AdapterOption();

  @Mixin private final OutputOptions output = new OutputOptions();

  @Option(
      names = "--onnx",
      description = "Writes model.onnx instead of safetensors, for a model that does not generate.")
  private boolean onnx;

  @Option(
      names = "--gguf",
      paramLabel = "TYPE",
      description =
          "Writes model.gguf for llama.cpp instead of safetensors, with numbers of this type: F16,"
              + " BF16, F32, Q8_0, Q6_K, Q5_K, Q4_K or Q4_0.")
  private @Nullable String gguf;

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
    Mistakes.exclude("--onnx", onnx, "--gguf", gguf != null);
    GgufType type = gguf == null ? null : ggufType(gguf);
    Path folder =
        output.folder(
            model.model,
            "a model",
            List.of(
                "config.json", "model.safetensors", "model.onnx", GGUF_FILE, "adapter_config.json"),
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
      } else if (type != null) {
        Mistakes.set("--gguf", type, each -> loaded.saveGguf(folder.resolve(GGUF_FILE), each));
      } else {
        loaded.saveMerged(folder.toString());
      }
      common.out().println("model: " + folder);
    }
    return Cli.FINE;
  }

  /** A type by its name in capitals or not; which types a model may have, the library checks. */
  private static GgufType ggufType(String name) {
    return Stream.of(GgufType.values())
        .filter(type -> type.toString().equalsIgnoreCase(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "--gguf is '%s'; expected F16, BF16, F32, Q8_0, Q6_K, Q5_K, Q4_K or Q4_0"
                        .formatted(name)));
  }
}
