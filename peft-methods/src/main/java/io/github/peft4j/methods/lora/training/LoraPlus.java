package io.github.peft4j.methods.lora.training;

import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.training.ParameterGroup;
import io.github.peft4j.tuner.training.TrainingRule;
import java.util.Optional;

/**
 * LoRA+ (Hayou et al. 2024, arXiv:2402.12354): B has λ times the learning rate of A.
 *
 * <pre>{@code
 * FineTuner.of(model).on(examples).learningRate(1e-4).rule(LoraPlus.ofRatio(16)).run();
 * }</pre>
 *
 * <p>The groups are those of PEFT's {@code create_loraplus_optimizer}. B and all vectors (biases,
 * DoRA's magnitudes) have λ times the rate, A and other matrices the rate itself, and LoRA on
 * embeddings a rate of its own. Vectors of the model itself, biases and norms, have no weight
 * decay. By default PEFT has no weight decay at all; here {@code FineTuner.weightDecay} sets it.
 *
 * @param ratio λ, above 0; the paper recommends 16 for tasks that are far from pretraining, less
 *     for others
 * @param embeddingRate the learning rate of LoRA on embeddings, 0 or more; PEFT's default is 1e-6
 */
public record LoraPlus(double ratio, double embeddingRate) implements TrainingRule {

  /** Checks the values. */
  public LoraPlus {
    if (!(ratio > 0) || !(embeddingRate >= 0)) {
      throw new IllegalArgumentException(
          "LoRA+ has ratio "
              + ratio
              + " and embedding rate "
              + embeddingRate
              + "; expected a ratio above 0, usually 2 to 16, and a rate of 0 or more");
    }
  }

  /** The rule with this ratio of B's rate to A's, and PEFT's rate for embeddings. */
  public static LoraPlus ofRatio(double ratio) {
    return new LoraPlus(ratio, 1e-6);
  }

  /** A copy with this learning rate of LoRA on embeddings. */
  public LoraPlus embeddings(double rate) {
    return new LoraPlus(ratio, rate);
  }

  @Override
  public Optional<ParameterGroup> groupOf(String name, Trainable tensor, ParameterGroup usual) {
    boolean vector = tensor.value().getShape().dimension() == 1;
    boolean decays = !vector || name.contains(".lora_");
    double rate =
        name.contains(".lora_embedding_")
            ? embeddingRate
            : vector || name.contains(".lora_B")
                ? usual.learningRate() * ratio
                : usual.learningRate();
    return Optional.of(new ParameterGroup(rate, decays ? usual.weightDecay() : 0));
  }
}
