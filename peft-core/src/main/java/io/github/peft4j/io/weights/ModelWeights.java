package io.github.peft4j.io.weights;

import io.github.peft4j.io.ForeignFiles;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.io.safetensors.SparseTensors;
import io.github.peft4j.io.safetensors.SparseWriter;
import io.github.peft4j.io.torch.TorchFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;

/**
 * Finds the weights in a model's folder, in the order in which transformers looks for them. Sparse
 * safetensors are peft4j's own.
 */
public final class ModelWeights {

  /** A file name of weights, and its reader. */
  private record Kind(String name, Function<Path, TensorSource> reader) {}

  private static final List<Kind> KINDS =
      List.of(
          new Kind("model.safetensors", Safetensors::open),
          new Kind("model.safetensors.index.json", index -> Shards.open(index, Safetensors::open)),
          new Kind(SparseWriter.FILE, SparseTensors::open),
          new Kind("pytorch_model.bin", TorchFile::open),
          new Kind("pytorch_model.bin.index.json", index -> Shards.open(index, TorchFile::open)));

  private ModelWeights() {}

  /**
   * Opens the weights of a folder: {@code model.safetensors}, the shards that {@code
   * model.safetensors.index.json} names, {@code model.sparse.safetensors}, {@code
   * pytorch_model.bin}, or the shards that {@code pytorch_model.bin.index.json} names. The first of
   * these that is there is taken.
   *
   * @throws IllegalArgumentException if there is none, or a file is malformed or missing, or index
   *     and shards disagree
   * @throws java.io.UncheckedIOException if a file cannot be read
   */
  public static TensorSource open(Path folder) {
    for (Kind kind : KINDS) {
      Path file = folder.resolve(kind.name());
      if (Files.exists(file)) {
        return kind.reader().apply(file);
      }
    }
    throw new IllegalArgumentException(
        "%s: expected %s in it and found none of them%s. Give the folder of a Hugging Face model"
            .formatted(
                folder,
                String.join(" or ", KINDS.stream().map(Kind::name).toList()),
                ForeignFiles.insteadOfModel(folder)));
  }
}
