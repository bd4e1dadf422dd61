package io.github.peft4j.transformer.family;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.TensorLoader;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.block.Body;
import io.github.peft4j.transformer.block.Head;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Quantization;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import org.jspecify.annotations.Nullable;

/** Builds models out of a config and tensors. */
public final class Models {

  private Models() {}

  /**
   * Checks what can be checked without the weights.
   *
   * @throws UnsupportedModelException for an unknown {@code model_type}, and for weights that are
   *     quantised
   */
  public static void check(ModelConfig config) {
    requireSupported(config);
  }

  private static Family requireSupported(ModelConfig config) {
    Family family = Families.of(config);
    Quantization.refuse(config);
    return family;
  }

  /**
   * Builds a model.
   *
   * @param config of the model
   * @param source of its tensors; left open
   * @param task what it is for; null for what the config says
   * @param device where it is to lie
   * @param precision what it computes in
   * @param seed of a head that the checkpoint lacks
   * @return the frozen model
   * @throws UnsupportedModelException for an unknown {@code model_type}
   * @throws IllegalArgumentException listing tensors that are missing or misshapen
   */
  public static TransformerModel build(
      ModelConfig config,
      TensorSource source,
      @Nullable Task task,
      Device device,
      Precision precision,
      long seed) {
    Family family = requireSupported(config);
    Quantization.refuse(config, source);
    Task chosen = task == null ? family.task(config) : task;
    NDManager manager = Tensors.newManager(device);
    try (TensorLoader loader = new TensorLoader(manager, precision)) {
      Checkpoint weights =
          new Checkpoint(
              config.source(),
              source,
              loader,
              family.root(config),
              config.number("initializer_range", 0.02),
              seed);
      Body body = family.body(config, weights);
      Head head = family.head(config, chosen, weights, body);
      weights.finish();
      TransformerModel.Names names =
          new TransformerModel.Names(
              family.architecture(config, chosen.type()), family.root(config));
      return new TransformerModel(config, chosen, names, manager, precision, body, head);
    } catch (RuntimeException | OutOfMemoryError e) {
      manager.close();
      throw e;
    }
  }
}
