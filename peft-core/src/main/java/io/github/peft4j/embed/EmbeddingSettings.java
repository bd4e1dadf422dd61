package io.github.peft4j.embed;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.io.FileGroup;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.withers.Withers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * How a model's states become the vectors of texts.
 *
 * @param pooling how the states of a text's tokens become one vector
 * @param normalized whether vectors have length 1
 * @param dense layers between pooling and normalisation
 * @param maxLength the largest number of tokens of a text, special tokens included; longer texts
 *     are cut at their end. The model's own limit holds too
 * @param lowerCased whether texts are lower-cased first
 * @param prompt what is put in front of each text, such as {@code "query: "}; empty for nothing
 */
@Withers
public record EmbeddingSettings(
    Pooling pooling,
    boolean normalized,
    List<DenseLayer> dense,
    int maxLength,
    boolean lowerCased,
    String prompt)
    implements EmbeddingSettingsWithers {

  private static final Kernel WIDE =
      Kernel.of(
          """
          def wide(x: Tensor) -> Tensor:                         # 32 bits or more
              y = x
              if x.dtype != 7:
                  y = x.to(6)
              return y
          """);
  private static final Kernel NORMALIZE =
      Kernel.of(
          """
          def normalize(x: Tensor) -> Tensor:                    # (B, D)
              length = torch.sqrt(torch.sum(torch.square(x), [1], True))
              return torch.div(x, torch.clamp(length, 1e-12))
          """);

  /** Checks the length and copies the list. */
  public EmbeddingSettings {
    dense = List.copyOf(dense);
    if (maxLength < 1) {
      throw new IllegalArgumentException("maxLength is " + maxLength + "; expected 1 or more");
    }
  }

  /** Vectors by a pooling, not normalised, of texts as long as the model can read. */
  public static EmbeddingSettings of(Pooling pooling) {
    return new EmbeddingSettings(pooling, false, List.of(), Integer.MAX_VALUE, false, "");
  }

  /**
   * The vectors of texts. If operations are recorded, they are differentiable.
   *
   * @param states the last hidden states (B, n + T, D)
   * @param mask (B, past + n + T), 1 for tokens and 0 for padding; null without padding
   * @return (B, D') in 32 bits, or in 64 if the states are
   */
  public NDArray vectors(NDArray states, @Nullable NDArray mask) {
    NDArray x = pooling.apply(WIDE.call(states), mask);
    for (DenseLayer layer : dense) {
      x = layer.apply(x);
    }
    return normalized ? NORMALIZE.call(x) : x;
  }

  /** Whether a folder has settings, see {@link #read}. */
  public static boolean isIn(Path folder) {
    return Files.isRegularFile(folder.resolve(SentenceTransformers.MODULES));
  }

  /**
   * Writes the files by which sentence-transformers, and {@link #read}, know these settings: {@code
   * modules.json} and those that it names.
   *
   * @param model that gives the states
   */
  public void writeTo(FileGroup files, TransformerModel model) {
    ModuleFiles.write(this, dimension(model), model.maxPositions(), files);
  }

  private static long dimension(TransformerModel model) {
    try (Scope scope = new Scope();
        ModelCall call = model.newCall();
        Pass pass = call.pass()) {
      ModelInput one = ModelInput.of(model.manager(), new long[][] {{0}}, new long[][] {{1}});
      return Autograd.without(() -> model.hidden(one, pass)).getShape().get(2);
    }
  }

  /**
   * The settings in a folder of sentence-transformers: {@code modules.json} and the files that it
   * names.
   *
   * @return nothing if the folder has no {@code modules.json}
   * @throws IllegalArgumentException if a file is missing or has an unsupported value; the message
   *     names file and field
   */
  public static Optional<EmbeddingSettings> read(Path folder) {
    return SentenceTransformers.read(folder);
  }
}
