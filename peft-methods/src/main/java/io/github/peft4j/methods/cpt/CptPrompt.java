package io.github.peft4j.methods.cpt;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.objective.OwnObjective;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.Sequence;
import java.util.List;

/**
 * [E + m ∘ D; x]: the vectors E [n, d] of the prompt's tokens, moved by D, before the sequence x
 * (B, T, d). The mask m [n] is 1 for the tokens that are trained. A row of D is no longer than its
 * ε; a longer one is shortened before each training batch.
 *
 * <p>Hugging Face PEFT's file has the sum alone. Of such a file it is E, and D is 0.
 */
final class CptPrompt extends TunerLayer<InputSite.Tokens, Sequence>
    implements InputSite.Prepending, OwnObjective {

  private static final String KEY = "prompt_encoder.";

  /** The ε of tokens that are not trained. */
  private static final float SMALLEST = 1e-10f;

  private static final Kernel PROJECT =
      Kernel.of(
          """
          def project(delta: Tensor) -> Tensor:                  # (n, d)
              norm = torch.norm(delta, 2, [1], True)             # (n, 1)
              epsilon = torch.tensor({epsilons}, dtype=delta.dtype, device=delta.device)
              epsilon = torch.unsqueeze(epsilon, 1)
              return torch.mul(delta, torch.div(epsilon, torch.maximum(norm, epsilon)))
          """);
  private static final Kernel MOVE =
      Kernel.of(
          """
          def move(center: Tensor, delta: Tensor) -> Tensor:     # (n, d)
              trained = torch.tensor({trained}, dtype=delta.dtype, device=delta.device)
              return torch.add(center, torch.mul(delta, torch.unsqueeze(trained, 1)))
          """);

  private final CptConfig config;
  private final Trainable result;
  private final Trainable center;
  private final Trainable delta;
  private final Kernel project;
  private final Kernel move;

  /**
   * Creates a prompt.
   *
   * @param initial the vectors of its tokens (n, d)
   */
  CptPrompt(NDArray initial, CptConfig config) {
    long d = initial.getShape().get(1);
    List<TokenType> types = config.types().stream().map(TokenType::of).toList();
    this.config = config;
    this.result = buffer("prompt_embeddings", initial.zerosLike());
    this.delta = beside(KEY + "delta_embedding.weight", initial.zerosLike());
    this.center = bufferBeside(KEY + "embedding.weight", initial);
    this.project =
        PROJECT.with("epsilons", types.stream().map(type -> epsilon(type, d)).toList().toString());
    this.move = MOVE.with("trained", types.stream().map(CptPrompt::mask).toList().toString());
  }

  private float epsilon(TokenType type, long d) {
    float length = (float) Math.sqrt((float) (d / 2048.0));
    return switch (type) {
      case INPUT -> (float) config.optProjectionEpsilon() * length;
      case FORMAT -> (float) config.optProjectionFormatEpsilon() * length;
      case LABEL, NONE -> SMALLEST;
    };
  }

  private static float mask(TokenType type) {
    return type == TokenType.INPUT || type == TokenType.FORMAT ? 1 : 0;
  }

  @Override
  public long virtualTokens() {
    return config.cptTokenIds().size();
  }

  @Override
  public String whyOneTextPerRow() {
    return "CPT puts virtual tokens in front of a row";
  }

  @Override
  public Objective objective(Objective ofTask) {
    return new CptObjective(config, ofTask);
  }

  @Override
  public void onTraining(boolean training) {
    if (training) {
      try (NDArray within = project.call(delta.value())) {
        Tensors.copy(delta.value(), within);
      }
    }
  }

  @Override
  public Sequence forward(InputSite.Tokens tokens, Forward<InputSite.Tokens, Sequence> base) {
    boolean training = isTraining(base.context());
    return base.forward(tokens)
        .prepend(training ? move.call(center.value(), delta.value()) : prompt());
  }

  private NDArray prompt() {
    return move.call(center.value(), project.call(delta.value()));
  }

  @Override
  public NDArray stored(Trainable tensor) {
    return tensor == result ? prompt() : tensor.value();
  }

  @Override
  public void loaded(boolean all) {
    if (!all) {
      Tensors.copy(center.value(), result.value());
      try (NDArray zeros = delta.value().zerosLike()) {
        Tensors.copy(delta.value(), zeros);
      }
    }
  }
}
