package io.github.peft4j.gguf;

import io.github.peft4j.gguf.TensorNames.Named;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileGroup;
import io.github.peft4j.io.TensorData;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.gguf.GgufMetadata;
import io.github.peft4j.io.gguf.GgufType;
import io.github.peft4j.io.gguf.GgufWriter;
import io.github.peft4j.io.safetensors.WeightsWriter;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes a model as a GGUF file, as llama.cpp's convert_hf_to_gguf.py does: the same keys in the
 * same order, the same tensors in the same types.
 */
public final class GgufWeights implements WeightsWriter {

  private static final Logger LOG = LoggerFactory.getLogger(GgufWeights.class);

  /** llama.cpp's numbers of the types that a file as a whole may have. */
  private static final Map<GgufType, Integer> FILE_TYPES =
      Map.of(
          GgufType.F32, 0,
          GgufType.F16, 1,
          GgufType.Q4_0, 2,
          GgufType.Q8_0, 7,
          GgufType.Q4_K, 14, // MOSTLY_Q4_K_S, which has fewer bits than the mixture Q4_K_M
          GgufType.Q5_K, 16,
          GgufType.Q6_K, 18,
          GgufType.BF16, 32);

  /** Tensors that are small and always have 32 bits. */
  private static final Set<String> PLAIN = Set.of("position_embd.weight", "token_types.weight");

  /** What rows get that are no multiple of 256: llama.cpp's choice. */
  private static final Map<GgufType, GgufType> OF_SHORT_BLOCKS =
      Map.of(
          GgufType.Q4_K, GgufType.Q5_0,
          GgufType.Q5_K, GgufType.Q5_1,
          GgufType.Q6_K, GgufType.Q8_0);

  /** What tables get, which lose more than others by few bits. */
  private static final Map<GgufType, GgufType> OF_TABLES =
      Map.of(
          GgufType.Q4_0, GgufType.Q8_0,
          GgufType.Q4_K, GgufType.Q6_K,
          GgufType.Q5_K, GgufType.Q6_K);

  private static final Set<String> TABLES = Set.of("token_embd.weight", "output.weight");

  private static final int QUANTIZATION_VERSION = 2;

  private record Tensor(TensorInfo info, TensorData data) {}

  private final String file;
  private final ModelConfig config;
  private final ModelConfig generation;
  private final Architecture architecture;
  private final String name;
  private final GgufType type;
  private final GgufPooling pooling;
  private final Consumer<GgufMetadata.Builder> tokenizer;
  private final List<Tensor> tensors = new ArrayList<>();

  /** How many matrices have another type than usual, because of the length of their rows. */
  private final Map<GgufType, Integer> ofOtherTypes = new EnumMap<>(GgufType.class);

  /**
   * @param file the file's name
   * @param config what config.json says
   * @param generation the settings of generation
   * @param name of the model, for people
   * @param type of most tensors
   * @param pooling how states become vectors of texts, which files of encoders say
   * @param tokenizer adds the keys of the tokenizer
   * @throws UnsupportedModelException if llama.cpp has no architecture of this type of models that
   *     peft4j knows
   * @throws IllegalArgumentException if tensors cannot be written in this type
   */
  public GgufWeights(
      String file,
      ModelConfig config,
      ModelConfig generation,
      String name,
      GgufType type,
      GgufPooling pooling,
      Consumer<GgufMetadata.Builder> tokenizer) {
    this.file = file;
    this.config = config;
    this.generation = generation;
    this.architecture = architecture(config);
    this.name = name;
    this.type = requireFileType(type);
    this.pooling = pooling;
    this.tokenizer = tokenizer;
  }

  /**
   * The task that models of a type have in GGUF files.
   *
   * @throws UnsupportedModelException if there is no such architecture
   */
  public static Task.Type task(ModelConfig config) {
    return architecture(config).task();
  }

  /** The architecture of a model that is written. */
  static Architecture architecture(ModelConfig config) {
    String modelType = config.text("model_type", "");
    return Architectures.ofType(modelType)
        .orElseThrow(
            () ->
                new UnsupportedModelException(
                    config.error(
                        "model_type",
                        modelType,
                        "one of "
                            + Architectures.modelTypes()
                            + ". Save the model as a folder, and use llama.cpp's"
                            + " convert_hf_to_gguf.py")));
  }

  private static GgufType requireFileType(GgufType type) {
    if (!FILE_TYPES.containsKey(type)) {
      throw new IllegalArgumentException(
          ("%s is no type of a model to write; expected one of %s. Write F16, and use llama.cpp's"
                  + " llama-quantize for others")
              .formatted(type, FILE_TYPES.keySet().stream().sorted().toList()));
    }
    return type;
  }

  @Override
  public void add(TensorInfo info, TensorData data) {
    if (!architecture.tensors().isLeftOut(info.name())) {
      tensors.add(new Tensor(info, data));
    }
  }

  @Override
  public Set<String> writeTo(FileGroup files) {
    GgufMetadata.Builder metadata = new GgufMetadata.Builder();
    metadata.string("general.architecture", architecture.name());
    metadata.string("general.type", "model");
    Sampling.write(generation, metadata);
    metadata.string("general.name", Titles.of(name));
    NewKeys keys =
        new NewKeys(metadata, architecture.name(), FILE_TYPES.getOrDefault(type, 0), pooling);
    metadata.string("general.size_label", ""); // its place is here
    architecture.fields().forEach(field -> field.write(config, keys));
    metadata.string("general.size_label", Titles.size(count(keys)));
    metadata.uint32("general.quantization_version", QUANTIZATION_VERSION);
    tokenizer.accept(metadata);
    GgufWriter writer = new GgufWriter(metadata.build());
    keys.tensors().forEach((stored, values) -> addExtra(writer, stored, values));
    tensors.stream()
        .sorted(Comparator.comparing((Tensor tensor) -> tensor.info().name()))
        .forEach(tensor -> add(writer, tensor));
    sayWhatHasOtherTypes();
    files.write(file, writer.content());
    return Set.of(file);
  }

  private long count(NewKeys keys) {
    return tensors.stream().mapToLong(tensor -> tensor.info().elementCount()).sum()
        + keys.tensors().values().stream().mapToLong(values -> values.length).sum();
  }

  private static void addExtra(GgufWriter writer, String stored, float... values) {
    TensorInfo info = new TensorInfo(stored, DType.F32, new long[] {values.length});
    writer.add(info, stored, GgufType.F32, sink -> sink.accept(bytes(values)));
  }

  private void add(GgufWriter writer, Tensor tensor) {
    TensorInfo info = tensor.info();
    Named named =
        architecture
            .tensors()
            .ofName(info.name())
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        ("%s: tensor %s has no place in a GGUF file of architecture %s. Save the"
                                + " model as a folder")
                            .formatted(config.source(), info, architecture.name())));
    Transform transform = named.transform();
    if (transform == Transform.NONE) {
      writer.add(info, named.stored(), type(named.stored(), info.shape()), tensor.data());
      return;
    }
    long[] shape = transform.shape(info.shape());
    writer.add(
        new TensorInfo(info.name(), DType.F32, shape),
        named.stored(),
        type(named.stored(), shape),
        sink -> {
          float[] numbers = tensor.data().floats(info);
          sink.accept(bytes(transform.write(numbers, info.shape(), head(transform))));
        });
  }

  private int head(Transform transform) {
    return transform == Transform.HEAD_ROWS ? (int) HeadFields.sizeOf(config) : 1;
  }

  /** The type of a tensor, as llama.cpp's converter chooses it. */
  private GgufType type(String stored, long... shape) {
    if (shape.length <= 1
        || stored.endsWith("_norm.weight")
        || !stored.endsWith(".weight")
        || PLAIN.contains(stored)) {
      return GgufType.F32;
    }
    long row = shape[shape.length - 1];
    GgufType usual = TABLES.contains(stored) ? OF_TABLES.getOrDefault(type, type) : type;
    GgufType wanted = usual;
    if (row % wanted.blockElements() != 0) {
      wanted = OF_SHORT_BLOCKS.getOrDefault(wanted, wanted);
    }
    if (row % wanted.blockElements() != 0) {
      wanted = GgufType.F16;
    }
    if (wanted != usual) {
      ofOtherTypes.merge(wanted, 1, Integer::sum);
    }
    return wanted;
  }

  private void sayWhatHasOtherTypes() {
    if (!ofOtherTypes.isEmpty()) {
      LOG.info(
          "{}: matrices of another type, since blocks of the usual one do not divide their rows: {}",
          file,
          ofOtherTypes.entrySet().stream()
              .map(each -> each.getValue() + " as " + each.getKey())
              .collect(Collectors.joining(", ")));
    }
  }

  static ByteBuffer bytes(float... values) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return bytes.asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }
}
