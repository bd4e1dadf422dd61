package io.github.peft4j.transformer.checkpoint;

import ai.djl.Device;
import io.github.peft4j.advice.AdvisedException;
import io.github.peft4j.advice.Remedy;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.kernel.device.Homes;
import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.transformer.DeviceMap;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.block.Body;
import io.github.peft4j.transformer.block.EncoderDecoder;
import io.github.peft4j.transformer.block.Stack;
import io.github.peft4j.transformer.checkpoint.quantized.QuantizedCheckpoint;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.QuantizedWeights;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.HeadSpec;
import io.github.peft4j.transformer.family.Heads;
import io.github.peft4j.transformer.family.StackSpec;
import io.github.peft4j.transformer.head.Head;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Builds models from a config and tensors. */
public final class Models {

  private static final Logger LOG = LoggerFactory.getLogger(Models.class);

  /**
   * What a model consists of, as its family describes it for a config and a task.
   *
   * @param stacks one, or an encoder's and a decoder's
   * @param head the task's head
   */
  public record Design(List<StackSpec> stacks, HeadSpec head) {}

  private Models() {}

  /** The supported values of {@code model_type}. */
  public static Set<String> modelTypes() {
    return Families.modelTypes();
  }

  /**
   * Checks a config before any weights are read.
   *
   * @throws UnsupportedModelException for an unknown {@code model_type} and for quantised weights
   */
  public static void check(ModelConfig config) {
    requireSupported(config);
  }

  /**
   * The config of what is computed: the text model's, if the config is of a larger model.
   *
   * @throws UnsupportedModelException for an unknown {@code model_type}
   */
  public static ModelConfig effective(ModelConfig config) {
    return Families.of(config)
        .part()
        .map(part -> config.part(part.field(), part.defaults()))
        .orElse(config);
  }

  /**
   * What a model of a config consists of.
   *
   * @param config of what is computed, see {@link #effective}
   * @throws IllegalArgumentException if the family has no head for the task
   */
  public static Design design(ModelConfig config, Task.Type task) {
    Family family = Families.of(config);
    Heads heads = family.heads(config);
    return new Design(
        family.stacks(config, heads.body(task)), heads.required(task, family.modelType()));
  }

  private static Family requireSupported(ModelConfig config) {
    Family family = Families.of(config);
    QuantizedWeights.of(config);
    return family;
  }

  /**
   * Builds a model.
   *
   * @param config of the model
   * @param source of its tensors, which stays open
   * @param task the task; null for the one in the config
   * @param device the device to hold the model
   * @param precision the precision to compute in
   * @param seed of a new head, if the checkpoint lacks it
   * @return the frozen model
   * @throws UnsupportedModelException for an unknown {@code model_type}
   * @throws IllegalArgumentException if tensors are missing or of the wrong shape, listing them all
   */
  public static TransformerModel build(
      ModelConfig config,
      TensorSource source,
      @Nullable Task task,
      Device device,
      Precision precision,
      long seed) {
    return build(config, source, task, DeviceMap.on(device), precision, seed, null);
  }

  /**
   * Builds a model.
   *
   * @param devices the device of each layer
   * @param quantization how the weights of the layers' linear maps are kept; null for as they are
   * @throws IllegalArgumentException if the devices do not fit the model's layers
   */
  public static TransformerModel build(
      ModelConfig config,
      TensorSource source,
      @Nullable Task task,
      DeviceMap devices,
      Precision precision,
      long seed,
      @Nullable Quantization quantization) {
    Family family = requireSupported(config);
    Optional<QuantizedWeights> quantized = QuantizedWeights.of(config);
    if (quantized.isEmpty()) {
      QuantizedWeights.refuse(config, source);
    } else if (quantization != null) {
      throw new AdvisedException(
          "%s: the weights are quantised already, %s, and are kept so"
              .formatted(config.source(), quantized.get().format()),
          Remedy.KEEP_STORED.with("Load the model without quantize(" + quantization.named() + ")"));
    }
    Heads heads = family.heads(config);
    Task chosen = task == null ? heads.task(config) : task;
    String root = heads.root(chosen.type());
    Design design = design(config, chosen.type());
    TensorSource tensors = named(family, source, quantized);
    Homes homes =
        devices.homes(
            config.source(), LayerSizes.of(design.stacks(), tensors, precision, quantization));
    LoadProgress progress = new LoadProgress(source);
    try (Loaders loaders = new Loaders(homes, precision, progress)) {
      Checkpoint weights =
          new Checkpoint(
              config.source(),
              tensors,
              loaders,
              root,
              heads.root(),
              config.number("initializer_range", 0.02),
              seed,
              quantization);
      List<StackSpec> stacks = design.stacks();
      Body body = body(config, family, stacks, weights);
      int hidden = stacks.get(stacks.size() - 1).outputSize();
      Head head = new HeadBuilder(design.head(), config, weights, hidden).build(chosen, body);
      weights.finish(task != null);
      warnOfUnread(config, family, quantized);
      progress.finish();
      if (homes.main().device().isGpu()) {
        PyTorch.releaseCachedMemory(); // what conversions took would stay in pieces
      }
      TransformerModel.Names names =
          new TransformerModel.Names(
              heads.architecture(chosen.type()),
              root,
              family.part().map(Family.Part::others).orElse(List.of()));
      return new TransformerModel(config, chosen, names, homes, precision, body, head);
    } catch (RuntimeException | Error e) {
      homes.close();
      throw e;
    }
  }

  /** The tensors under the names of today's modules, without those of other parts of the model. */
  private static TensorSource named(
      Family family, TensorSource source, Optional<QuantizedWeights> quantized) {
    TensorSource today = OldNames.today(source);
    TensorSource part = family.part().map(of -> PartNames.of(of, today)).orElse(today);
    return quantized.isEmpty() ? part : new QuantizedCheckpoint(part, quantized.get());
  }

  private static void warnOfUnread(
      ModelConfig config, Family family, Optional<QuantizedWeights> quantized) {
    Map<String, String> unread = UnreadFields.of(config, family);
    quantized.ifPresent(weights -> unread.putAll(weights.unread()));
    if (!unread.isEmpty()) {
      LOG.warn(
          "{}: these fields are not read, since models of type '{}' are not known to have them: {}."
              + " If one of them changes what the model computes, results are wrong",
          config.source(),
          family.modelType(),
          unread);
    }
  }

  private static Body body(
      ModelConfig config, Family family, List<StackSpec> specs, Checkpoint weights) {
    int vocabulary = config.size("vocab_size");
    Stack first = new StackBuilder(specs.get(0), weights).build(null, vocabulary);
    if (specs.size() == 1) {
      return first;
    }
    StackBuilder second = new StackBuilder(specs.get(1), weights);
    return new EncoderDecoder(first, second.build(first.tokens(), vocabulary), family.shift());
  }
}
