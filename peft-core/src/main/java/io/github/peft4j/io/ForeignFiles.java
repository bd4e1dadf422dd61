package io.github.peft4j.io;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Recognises the content of folders that lack the expected model or adapter, and names the format
 * and the remedy.
 */
public final class ForeignFiles {

  private static final String LFS = "version https://git-lfs";

  /** A file name pattern, and the message for it. */
  private record Sign(Pattern name, String meaning) {
    Sign(String regex, String meaning) {
      this(Pattern.compile(regex), meaning);
    }
  }

  private static final String CONVERT =
      ": write them anew in Python, AutoModel….from_pretrained(folder).save_pretrained(folder,"
          + " safe_serialization=True), with the AutoModel class of the task";

  private static final List<Sign> MODELS =
      List.of(
          new Sign(
              "adapter_config\\.json",
              "it is an adapter: load the model that adapter_config.json names as"
                  + " base_model_name_or_path, and then this folder as its adapter"),
          new Sign(
              "model_index\\.json",
              "it is a pipeline of the diffusers library, for images: no" + " language model"),
          new Sign(
              "snapshots",
              "it is a folder of Hugging Face's cache: pass the folder below its snapshots"),
          new Sign(
              "0_Transformer",
              "it is an old folder of sentence-transformers: pass the folder"
                  + " 0_Transformer in it"),
          new Sign(
              "model-\\d+-of-\\d+\\.safetensors",
              "it has shards without model.safetensors.index.json: fetch that file too"),
          new Sign(
              ".*\\.gguf",
              "it has a GGUF file, llama.cpp's format: pass the path of that file on this machine,"
                  + " or take the model that it was made of"),
          new Sign(
              "weights\\.npz|.*\\.mlx",
              "it has weights in MLX's format: take the model that they"
                  + " were made of, in Hugging Face's format with safetensors"),
          new Sign(
              "pytorch_model-\\d+-of-\\d+\\.bin",
              "it has shards without pytorch_model.bin.index.json: fetch that file too"),
          new Sign(
              "consolidated.*|.*\\.pth?",
              "its weights are a checkpoint in its authors' own format: take the same model in"
                  + " Hugging Face's format with safetensors"),
          new Sign(
              "tf_model.*\\.h5|flax_model.*\\.msgpack|model\\.ckpt.*",
              "its weights are TensorFlow's or Flax's" + CONVERT),
          new Sign(
              ".*\\.onnx",
              "it has an ONNX file, which is made to run and not to train: take the model that it"
                  + " was made of, in Hugging Face's format with safetensors"));

  private static final List<Sign> ADAPTERS =
      List.of(
          new Sign(
              "pytorch_diff\\.bin",
              "it has changes by composable-sft: load them with ComposableSft.load(model, name,"
                  + " folder), of the methods' package ltsft"),
          new Sign(
              "adapters\\.npz",
              "it is an adapter of mlx-lm in its old format: fuse it into its model (mlx_lm.fuse"
                  + " --model … --adapter-path … --dequantize) and load that as a model"),
          new Sign(
              "adapters\\.safetensors",
              "it has an adapter of mlx-lm: fuse it into its model (mlx_lm.fuse --model …"
                  + " --adapter-path … --dequantize) and load that as a model"),
          new Sign(
              "pytorch_lora_weights\\..*",
              "it is a LoRA of the diffusers library, for image models: no language model takes"
                  + " it"),
          new Sign(".*\\.gguf", "it has a GGUF file: pass the path of that file"),
          new Sign(
              "ggml-adapter.*\\.bin",
              "it is an adapter in llama.cpp's former format: take the Hugging Face PEFT adapter"
                  + " that it was made of"),
          new Sign(
              "adapter_model\\..*",
              "it has an adapter's tensors, but not its adapter_config.json: fetch that file too"),
          new Sign(
              "lit_model.*|adapter_\\d+\\.pt|.*\\.pth?",
              "it has a checkpoint of another library, such as LLaMA-Adapter, LitGPT or torchtune:"
                  + " convert it to Hugging Face PEFT's format with that library"),
          new Sign("config\\.json", "it is a whole model and no adapter: load it as a model"),
          new Sign(
              ".*\\.safetensors",
              "it has tensors alone, as the kohya scripts write them for image models: a language"
                  + " model's adapter has an adapter_config.json beside them"));

  private ForeignFiles() {}

  /**
   * Describes a folder without a model.
   *
   * @return the message, which starts with a colon and a blank, or nothing if the content is
   *     unknown
   */
  public static String insteadOfModel(Path folder) {
    return meaning(names(folder), MODELS);
  }

  /**
   * Describes a repository without a model.
   *
   * @param names of its files and of its folders
   */
  public static String insteadOfModel(Collection<String> names) {
    return meaning(names, MODELS);
  }

  /** Describes a repository without an adapter, as {@link #insteadOfModel(Collection)} does. */
  public static String insteadOfAdapter(Collection<String> names) {
    return meaning(names, ADAPTERS);
  }

  /**
   * Describes a folder without an adapter.
   *
   * @return the message, which starts with a colon and a blank, or nothing if the content is
   *     unknown
   */
  public static String insteadOfAdapter(Path folder) {
    List<String> below =
        names(folder).stream()
            .filter(
                name -> Files.isRegularFile(folder.resolve(name).resolve("adapter_config.json")))
            .toList();
    return below.isEmpty()
        ? meaning(names(folder), ADAPTERS)
        : ": it has adapters in folders below it: pass one of " + String.join(", ", below);
  }

  private static String meaning(Collection<String> names, List<Sign> signs) {
    return signs.stream()
        .filter(sign -> names.stream().anyMatch(name -> sign.name().matcher(name).matches()))
        .findFirst()
        .map(sign -> ": " + sign.meaning())
        .orElse("");
  }

  private static List<String> names(Path folder) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + folder, e);
    }
  }

  /** Whether a file's content starts like a Git LFS pointer. */
  public static boolean isLfsPointer(String begin) {
    return begin.startsWith(LFS);
  }

  /** The message for a file that is a Git LFS pointer. */
  public static String lfsPointer(Object file) {
    return file
        + " is a pointer of Git LFS and not the file itself: fetch it with git lfs pull, or"
        + " download it from the model's page";
  }

  /**
   * Refuses a file that is empty or a Git LFS pointer.
   *
   * @param file name of the file in error messages
   * @throws IllegalArgumentException naming the file and the remedy
   */
  public static void requireJsonText(Path file, String text) {
    if (isLfsPointer(text)) {
      throw new IllegalArgumentException(lfsPointer(file));
    }
    if (text.isBlank()) {
      throw new IllegalArgumentException(
          file + ": expected a JSON object, but the file is empty: fetch it again");
    }
  }
}
