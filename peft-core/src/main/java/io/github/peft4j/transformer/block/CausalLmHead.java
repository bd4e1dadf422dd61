package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.site.HiddenSite;
import org.jspecify.annotations.Nullable;

/** The head of a language model: each position's logits over the vocabulary for the next token. */
public final class CausalLmHead extends Head {

  private static final Kernel SCALE =
      Kernel.of(
          """
          def scale(x: Tensor) -> Tensor:
              return torch.mul(x, {scale})
          """);

  private static final Kernel CAP =
      Kernel.of(
          """
          def cap(x: Tensor) -> Tensor:
              return torch.mul(torch.tanh(torch.div(x, {cap})), {cap})
          """);

  private final Linear output;
  private final HiddenSite last;
  private final int ahead;
  private final @Nullable Kernel scale;
  private final @Nullable Kernel cap;

  /**
   * Creates a head.
   *
   * @param ahead 1 if labels are the input ids, 0 if they are the decoder's targets
   * @param scale factor of the hidden states
   * @param cap logits z become cap · tanh(z / cap); null for no cap
   */
  public CausalLmHead(Linear output, int ahead, double scale, @Nullable Double cap) {
    super("");
    this.output = part(output);
    String name = output.name() + ".input";
    this.last = publish(new HiddenSite(name, HiddenSite.Kind.LAST, "", output.site().inFeatures()));
    this.ahead = ahead;
    this.scale = scale == 1 ? null : SCALE.with("scale", scale);
    this.cap = cap == null ? null : CAP.with("cap", cap);
  }

  @Override
  protected NDArray features(NDArray hidden, Pass pass) {
    return scale == null ? hidden : scale.call(hidden);
  }

  @Override
  protected NDArray project(NDArray features, ForwardContext context) {
    NDArray logits = output.forward(last.forward(features, context), context);
    return cap == null ? logits : cap.call(logits);
  }

  @Override
  public long classes() {
    return output.site().outFeatures();
  }

  @Override
  public LossTargets.Rows targets(LossTargets labels, long virtual) {
    if (ahead > 0 && labels instanceof LossTargets.NextTokens next) {
      return LossTargets.targets(next.tokens(), virtual, ahead);
    }
    if (ahead == 0 && labels instanceof LossTargets.Tokens tokens) {
      return LossTargets.targets(tokens.classes(), virtual, 0);
    }
    throw new IllegalArgumentException(
        "a language model needs the tokens as labels, not " + labels.getClass().getSimpleName());
  }

  @Override
  public Shape logitsShape(Shape input) {
    return new Shape(input.get(0), input.get(1), classes());
  }
}
