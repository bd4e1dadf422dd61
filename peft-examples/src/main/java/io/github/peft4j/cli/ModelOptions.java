package io.github.peft4j.cli;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.pretrained.MiniLm;
import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.quantization.named.Quantizations;
import io.github.peft4j.transformer.config.Task;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Which model, where and how it computes. */
final class ModelOptions {

  private static final String MINILM = "minilm";
  private static final String QUANTIZE = "--quantize";
  private static final String KEEP_BLOCKS = "--keep-blocks";

  @Option(
      names = "--model",
      paramLabel = "DIR|NAME",
      description =
          "A Hugging Face folder; a .gguf file; org/name on the Hugging Face hub, or one GGUF file of"
              + " it, org/name:Q4_K_M; or "
              + MINILM
              + ", out of a jar.")
  @Nullable String model;

  @Mixin final DeviceOptions where = new DeviceOptions();

  @Option(
      names = "--precision",
      paramLabel = "NAME",
      description =
          "float32, bfloat16, float16 or float64. By default bfloat16 on a GPU, float32 on the CPU.")
  @Nullable Precision precision;

  @Option(
      names = QUANTIZE,
      paramLabel = "NAME",
      completionCandidates = QuantizationNames.class,
      description = "Keeps the frozen weights in fewer bits: ${COMPLETION-CANDIDATES}.")
  @Nullable String quantize;

  @Option(
      names = KEEP_BLOCKS,
      description = "Keeps the frozen weights of a .gguf file in the blocks of the file.")
  boolean keepBlocks;

  @Option(
      names = "--offload-embeddings",
      description =
          "Keeps the table of input embeddings in the host's memory, if the head has its own.")
  boolean offloadEmbeddings;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Of new tensors, dropout, sampling and the order of examples; 42 by default.")
  @Nullable Long seed;

  /** The names for {@code --quantize}. */
  static final class QuantizationNames implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      return Quantizations.names().iterator();
    }
  }

  /** Loads the model, which needs a tokenizer. The caller closes it. */
  PeftModel load(Optional<Task> task) {
    String name = Mistakes.given("--model", model);
    Mistakes.exclude(QUANTIZE, quantize != null, KEEP_BLOCKS, keepBlocks);
    where.check();
    String fewer = quantize;
    Quantization quantization =
        fewer == null ? null : Mistakes.at(QUANTIZE, () -> Quantizations.of(fewer));
    Peft.Loader loader =
        name.equals(MINILM) && !Files.isDirectory(Path.of(name))
            ? MiniLm.loader()
            : Mistakes.at("--model", () -> Peft.from(name));
    task.ifPresent(loader::task);
    where.place(loader);
    if (precision != null) {
      loader.precision(precision);
    }
    if (seed != null) {
      loader.seed(seed);
    }
    if (quantization != null) {
      loader.quantize(quantization);
    }
    if (keepBlocks) {
      keepBlocks(loader, name);
    }
    if (offloadEmbeddings) {
      loader.offloadEmbeddings();
    }
    PeftModel loaded = Mistakes.at("--model", loader::load);
    try {
      require(loaded::tokenizer);
    } catch (IllegalArgumentException e) {
      loaded.close();
      throw e;
    }
    return loaded;
  }

  private static void keepBlocks(Peft.Loader loader, String name) {
    try {
      loader.keepBlocks();
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "%s: %s is no .gguf file, and nothing else has blocks: leave it out, or give %s nf4"
              .formatted(KEEP_BLOCKS, name, QUANTIZE),
          e);
    }
  }

  /** What a model's folder must have: without it, the folder is a mistake of the user. */
  static void require(Runnable part) {
    try {
      part.run();
    } catch (IllegalStateException e) {
      throw new IllegalArgumentException("--model: " + e.getMessage(), e);
    }
  }
}
