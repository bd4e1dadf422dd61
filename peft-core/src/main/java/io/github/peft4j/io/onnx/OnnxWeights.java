package io.github.peft4j.io.onnx;

import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileRegion;
import io.github.peft4j.io.NoSuchTensorException;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The weights of a BERT encoder in an ONNX file that PyTorch exported, under the names that Hugging
 * Face's {@code BertModel} gives them, such as {@code encoder.layer.0.attention.self.query.weight}.
 *
 * <p>An export keeps the names of embeddings, norms and biases. A linear layer's weight becomes a
 * nameless constant [in, out] on the right of a product; the product's name is the layer's module
 * path, {@code /encoder/layer.0/attention/self/query/MatMul}. Such a weight is handed out as [out,
 * in], transposed when read.
 */
public final class OnnxWeights implements TensorSource {
  private static final String WORD_EMBEDDINGS = "embeddings.word_embeddings.weight";
  private static final String QUERY = "encoder.layer.%d.attention.self.query.weight";
  private static final int BLOCK = 1 << 20;

  private final String label;
  private final @Nullable Path path;
  private final OnnxGraph graph;
  private final Map<String, Weight> weights = new LinkedHashMap<>();

  private record Weight(TensorInfo info, OnnxTensor tensor, boolean transposed) {}

  private OnnxWeights(String label, @Nullable Path path, ByteBuffer bytes) {
    this.label = label;
    this.path = path;
    this.graph = OnnxParser.parse(label, bytes);
    graph.initializers().forEach((name, t) -> weights.put(name, new Weight(t.info(), t, false)));
    graph.nodes().forEach(this::nameLinearWeight);
    weights.keySet().removeIf(name -> name.contains("::"));
    for (String name : List.of(WORD_EMBEDDINGS, QUERY.formatted(0))) {
      if (!weights.containsKey(name)) {
        throw new OnnxException(
            "%s: no %s among %d constants and %d nodes; expected a BERT encoder in floating point"
                    .formatted(label, name, graph.initializers().size(), graph.nodes().size())
                + " as torch.onnx.export writes it, neither quantised nor optimised");
      }
    }
  }

  /**
   * Opens a file. Its content is memory-mapped; close does nothing.
   *
   * @throws OnnxException if it is malformed, or holds no BERT encoder
   * @throws UncheckedIOException if it cannot be read
   */
  public static OnnxWeights open(Path file) {
    try (FileChannel channel = FileChannel.open(file)) {
      if (channel.size() > Integer.MAX_VALUE) {
        throw new OnnxException(
            "%s: has %d bytes; protobuf, and so ONNX, ends at 2 GiB"
                .formatted(file, channel.size()));
      }
      ByteBuffer bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size());
      return new OnnxWeights(file.toString(), file, bytes);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read %s: %s".formatted(file, e), e);
    }
  }

  /**
   * Reads a stream to its end, for example a resource of a jar. The caller closes it.
   *
   * @throws OnnxException if it is malformed, or holds no BERT encoder
   * @throws UncheckedIOException if it cannot be read
   */
  public static OnnxWeights open(InputStream in) {
    try {
      return new OnnxWeights("ONNX stream", null, ByteBuffer.wrap(in.readAllBytes()));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read an ONNX stream: " + e, e);
    }
  }

  private void nameLinearWeight(OnnxGraph.Node node) {
    if (!node.opType().equals("MatMul")
        || !node.name().matches("/.+/MatMul")
        || node.inputs().size() != 2) {
      return;
    }
    String right = node.inputs().get(1);
    String module = node.name().substring(1, node.name().lastIndexOf('/')).replace('/', '.');
    if (graph.unreadable().containsKey(right)) {
      throw new OnnxException(
          "%s: the weight of %s: %s".formatted(label, module, graph.unreadable().get(right)));
    }
    OnnxTensor tensor = graph.initializers().get(right);
    if (tensor == null || tensor.info().shape().length != 2) {
      return;
    }
    String name = module + ".weight";
    long[] shape = tensor.info().shape();
    TensorInfo info = new TensorInfo(name, tensor.info().dtype(), new long[] {shape[1], shape[0]});
    weights.remove(right);
    weights.put(name, new Weight(info, tensor, true));
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(weights.keySet());
  }

  @Override
  public TensorInfo info(String name) {
    return weight(name).info();
  }

  @Override
  public void read(String name, Consumer<ByteBuffer> sink) {
    Weight weight = weight(name);
    if (weight.info().byteCount() == 0) {
      return;
    }
    if (weight.transposed()) {
      transpose(weight, sink);
    } else {
      sink.accept(bytes(weight));
    }
  }

  /** Returns nothing for the weights of linear layers: the file holds them transposed. */
  @Override
  public Optional<FileRegion> region(String name) {
    Weight weight = weight(name);
    if (path == null || weight.transposed() || weight.tensor().offset() < 0) {
      return Optional.empty();
    }
    return Optional.of(new FileRegion(path, weight.tensor().offset(), weight.info().byteCount()));
  }

  /** Does nothing. */
  @Override
  public void close() {}

  /**
   * Returns the number of attention heads. The weights do not show it, so it is read from the
   * graph: keys are reshaped to [batch, length, heads, head size], whose last two are constants.
   */
  public OptionalInt attentionHeads() {
    Map<String, Long> constants = new LinkedHashMap<>();
    for (OnnxGraph.Node node : graph.nodes()) {
      node.constants()
          .forEach((name, tensor) -> scalar(tensor).ifPresent(v -> constants.put(name, v)));
    }
    long hidden = dim(WORD_EMBEDDINGS, 1);
    return graph.nodes().stream()
        .filter(n -> n.opType().equals("Concat") && n.inputs().size() == 4)
        .filter(n -> n.name().startsWith("/encoder/layer.0/attention/self/"))
        .filter(n -> constants.keySet().containsAll(n.inputs().subList(2, 4)))
        .mapToLong(n -> headsOf(hidden, n.inputs().stream().skip(2).map(constants::get).toList()))
        .filter(heads -> heads > 0)
        .mapToInt(Math::toIntExact)
        .findFirst();
  }

  /**
   * Returns the content of the model's {@code config.json}, with the number of attention heads from
   * the graph.
   *
   * @throws OnnxException if the graph does not show it
   */
  public Map<String, Object> bertConfig() {
    return bertConfig(
        attentionHeads()
            .orElseThrow(
                () ->
                    new OnnxException(
                        label
                            + ": the graph does not tell the number of attention heads; give it")));
  }

  /**
   * Returns the content of the model's {@code config.json}: sizes from the shapes of the weights,
   * and BERT's own values for the rest. Keys are those of Hugging Face's {@code BertConfig}, values
   * those of JSON.
   *
   * @param attentionHeads the number of attention heads, 12 for MiniLM
   * @throws IllegalArgumentException if the hidden size is not a multiple of it
   * @throws OnnxException if a weight whose shape is needed is missing
   */
  public Map<String, Object> bertConfig(int attentionHeads) {
    long hidden = dim(WORD_EMBEDDINGS, 1);
    if (attentionHeads < 1 || hidden % attentionHeads != 0) {
      throw new IllegalArgumentException(
          "attentionHeads is %d, expected a divisor of the hidden size %d"
              .formatted(attentionHeads, hidden));
    }
    int layers = 0;
    while (weights.containsKey(QUERY.formatted(layers))) {
      layers++;
    }
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("architectures", List.of("BertModel"));
    config.put("model_type", "bert");
    config.put("hidden_size", hidden);
    config.put("num_hidden_layers", layers);
    config.put("num_attention_heads", attentionHeads);
    config.put("intermediate_size", dim("encoder.layer.0.intermediate.dense.weight", 0));
    config.put("vocab_size", dim(WORD_EMBEDDINGS, 0));
    config.put("max_position_embeddings", dim("embeddings.position_embeddings.weight", 0));
    config.put("type_vocab_size", dim("embeddings.token_type_embeddings.weight", 0));
    config.put("hidden_act", "gelu");
    config.put("layer_norm_eps", 1e-12);
    config.put("pad_token_id", 0);
    return config;
  }

  /** Returns, for example, {@code all-minilm-l6-v2.onnx (104 tensors)}. */
  @Override
  public String toString() {
    return "%s (%d tensors)".formatted(label, weights.size());
  }

  private long dim(String name, int axis) {
    Weight weight = weights.get(name);
    if (weight == null || weight.info().shape().length != 2) {
      throw new OnnxException(
          "%s: expected a matrix %s, found %s"
              .formatted(label, name, weight == null ? "none" : weight.info()));
    }
    return weight.info().shape()[axis];
  }

  private Weight weight(String name) {
    Weight weight = weights.get(name);
    if (weight != null) {
      return weight;
    }
    if (graph.unreadable().containsKey(name)) {
      throw new OnnxException(
          "%s: tensor %s: %s".formatted(label, name, graph.unreadable().get(name)));
    }
    throw new NoSuchTensorException(label, name, names());
  }

  private static Optional<Long> scalar(OnnxTensor tensor) {
    return tensor.info().dtype() == DType.I64 && tensor.info().elementCount() == 1
        ? Optional.of(tensor.bytes().duplicate().order(ByteOrder.LITTLE_ENDIAN).getLong(0))
        : Optional.empty();
  }

  private static long headsOf(long hidden, List<Long> headsAndSize) {
    long heads = headsAndSize.get(0);
    boolean fits = heads > 0 && heads <= hidden && hidden % heads == 0;
    return fits && headsAndSize.get(1) == hidden / heads ? heads : 0;
  }

  private static ByteBuffer bytes(Weight weight) {
    return weight.tensor().bytes().duplicate().order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Passes a weight that is stored as [in, out] on as [out, in], a block of rows at a time. */
  private static void transpose(Weight weight, Consumer<ByteBuffer> sink) {
    int out = (int) weight.info().shape()[0];
    int in = (int) weight.info().shape()[1];
    int size = weight.info().dtype().bytes();
    int rows = Math.max(1, BLOCK / (in * size));
    ByteBuffer from = bytes(weight);
    for (int first = 0; first < out; first += rows) {
      int n = Math.min(rows, out - first);
      byte[] block = new byte[n * in * size];
      for (int column = 0; column < in; column++) {
        for (int row = 0; row < n; row++) {
          from.get((column * out + first + row) * size, block, (row * in + column) * size, size);
        }
      }
      sink.accept(ByteBuffer.wrap(block).asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN));
    }
  }
}
