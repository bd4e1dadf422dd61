package io.github.peft4j.export.onnx;

import io.github.peft4j.embed.EmbeddingSettings;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileGroup;
import io.github.peft4j.io.TensorData;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.onnx.OnnxWriter;
import io.github.peft4j.io.safetensors.WeightsWriter;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.checkpoint.Models;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.family.StackSpec;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Writes a model of one stack as {@code model.onnx}. The graph is made from the same records as the
 * model's blocks, {@link Models.Design}, so that it knows no families. Its inputs and outputs have
 * the names of Hugging Face's exporter.
 */
public final class OnnxModel implements WeightsWriter {

  /** The name of the file. */
  public static final String FILE = "model.onnx";

  private final TransformerModel model;
  private final Models.Design design;
  private final @Nullable EmbeddingSettings embeddings;
  private final long largest;
  private final Map<String, Weights.Tensor> tensors = new LinkedHashMap<>();

  /**
   * A writer of a model, without tensors yet, in as few files as possible; see {@link
   * #OnnxModel(TransformerModel, EmbeddingSettings, long)}.
   */
  public OnnxModel(TransformerModel model, @Nullable EmbeddingSettings embeddings) {
    this(model, embeddings, OnnxWriter.LARGEST_FILE);
  }

  /**
   * A writer of a model, without tensors yet.
   *
   * @param embeddings how states become vectors of texts; null for no such output
   * @param largest the limit of the file in bytes, at most {@link OnnxWriter#LARGEST_FILE}; the
   *     tensors of a larger model are in a second file
   * @throws io.github.peft4j.transformer.config.UnsupportedModelException if the model generates
   *     texts or has two stacks
   */
  public OnnxModel(TransformerModel model, @Nullable EmbeddingSettings embeddings, long largest) {
    this.model = model;
    this.design = Models.design(model.config(), model.task().type());
    this.embeddings = model.task().type() == Task.Type.FEATURE_EXTRACTION ? embeddings : null;
    this.largest = largest;
    if (model.task().type().writes() || design.stacks().size() > 1) {
      throw Refusal.of(
          model.config(), "the task " + model.task().type() + ", which generates texts");
    }
  }

  @Override
  public void add(TensorInfo info, TensorData data) {
    tensors.put(info.name(), new Weights.Tensor(info, data));
  }

  /** Only an earlier model of ONNX: weights of other formats may lie beside it. */
  @Override
  public boolean replaces(String file) {
    return file.equals(FILE) || file.equals(FILE + ".data");
  }

  @Override
  public Set<String> writeTo(FileGroup files) {
    OnnxWriter writer = new OnnxWriter();
    Nodes nodes = new Nodes(writer);
    Weights weights = new Weights(nodes, writer, model, tensors);
    Text text = new Text(nodes);
    StackSpec stack = design.stacks().get(0);
    input(writer, Text.IDS);
    input(writer, Text.MASK);
    if (stack.embedding().types() != null) {
      input(writer, Text.TYPES);
    }
    String states = new StackGraph(model.config(), stack, nodes, weights, text).states();
    HeadGraph head = new HeadGraph(model, design.head(), nodes, weights, text);
    head.outputs(states);
    EmbeddingSettings settings = embeddings;
    if (settings != null) {
      new SentenceGraph(settings, nodes, text).output(states, stack.outputSize());
    }
    requireAll(weights, head);
    return writer.writeTo(files, FILE, largest);
  }

  private static void input(OnnxWriter writer, String name) {
    writer.input(name, DType.I64, HeadGraph.BATCH, HeadGraph.SEQUENCE);
  }

  /** A tensor that the graph does not use would be a part of the model that it does not compute. */
  private void requireAll(Weights weights, HeadGraph head) {
    Set<String> unused = weights.unused();
    unused.removeIf(head::keeps);
    unused.removeAll(model.secondNames().keySet());
    unused.removeIf(name -> model.others().stream().anyMatch(name::startsWith));
    if (!unused.isEmpty()) {
      throw new IllegalStateException("the graph lacks parts of the model: " + unused);
    }
  }
}
