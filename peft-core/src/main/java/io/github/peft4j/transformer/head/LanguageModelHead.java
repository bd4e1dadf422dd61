package io.github.peft4j.transformer.head;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.transformer.block.Linear;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.site.HiddenSite;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The head of a language model, causal or masked: each position's logits over the vocabulary, cap(f
 * · W steps(s · x) + b).
 */
public final class LanguageModelHead extends Head {

  private static final Kernel SCALE =
      Kernel.of(
          """
          def scale(x: Tensor) -> Tensor:
              return torch.mul(x, {scale})
          """);
  private static final Kernel ADD =
      Kernel.of(
          """
          def add(logits: Tensor, bias: Tensor) -> Tensor:       # (…, V), (V) or (1, V)
              return torch.add(logits, torch.flatten(bias).to(logits.dtype))
          """);
  private static final Kernel CAP =
      Kernel.of(
          """
          def cap(logits: Tensor) -> Tensor:
              return torch.mul(torch.tanh(torch.div(logits, {cap})), {cap})
          """);

  private final HeadSteps steps;
  private final Linear output;
  private final HiddenSite last;
  private final @Nullable ParameterSite bias;
  private final Logits logits;
  private final boolean ahead;

  /**
   * What is done to states and logits.
   *
   * @param states s, a factor of the states before the steps; T5 has one
   * @param factor f, a factor of the logits; Granite has one
   * @param cap the bound c of c · tanh(x / c); 0 for none. Gemma 2 has one
   */
  public record Logits(double states, double factor, double cap) {

    /** Neither factors nor a bound. */
    public static final Logits PLAIN = new Logits(1, 1, 0);
  }

  /**
   * Creates a head.
   *
   * @param steps between the states and the output map
   * @param bias b, if the output map lacks it; (V) or (1, V)
   * @param ahead whether labels are the input ids, so that each position predicts the next label
   */
  public LanguageModelHead(
      HeadSteps steps, Linear output, @Nullable ParameterSite bias, Logits logits, boolean ahead) {
    super("");
    this.steps = steps;
    steps.parts().forEach(this::part);
    this.output = part(output);
    this.bias = bias == null ? null : publish(bias);
    String name = output.name() + ".input";
    this.last = publish(new HiddenSite(name, HiddenSite.Kind.LAST, "", output.site().inFeatures()));
    this.logits = logits;
    this.ahead = ahead;
  }

  /** The name of the output map. */
  public String outputName() {
    return output.name();
  }

  /** The bias that is a tensor of its own. */
  public Optional<ParameterSite> bias() {
    return Optional.ofNullable(bias);
  }

  @Override
  protected NDArray features(NDArray hidden, Pass pass) {
    return scaled(hidden, logits.states());
  }

  @Override
  protected NDArray project(NDArray features, ForwardContext context) {
    NDArray states = steps.apply(last.forward(features, context), context);
    NDArray mapped = scaled(output.forward(states, context), logits.factor());
    NDArray moved = bias == null ? mapped : ADD.call(mapped, bias.value(context));
    return logits.cap() == 0 ? moved : CAP.with("cap", logits.cap()).call(moved);
  }

  private static NDArray scaled(NDArray x, double factor) {
    return factor == 1 ? x : SCALE.with("scale", factor).call(x);
  }

  @Override
  public long classes() {
    return output.site().outFeatures();
  }

  @Override
  public LossTargets.Rows targets(LossTargets labels, long virtual) {
    if (ahead && labels instanceof LossTargets.NextTokens next) {
      return LossTargets.targets(next.tokens(), virtual, 1);
    }
    if (ahead && labels instanceof LossTargets.NextOfAll all) {
      return LossTargets.targets(all.tokens(), 0, 1);
    }
    if (!ahead && labels instanceof LossTargets.Tokens tokens) {
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
