package io.github.peft4j.methods.bottleneck.fields;

import io.github.peft4j.config.JsonChoice;

/** The non-linearity between the two maps, by its name in Hugging Face transformers. */
public enum NonLinearity implements JsonChoice {
  /** max(x, 0). */
  RELU("relu", "torch.relu(x)"),
  /** x σ(x). */
  SILU("silu", "torch.silu(x)"),
  /** x σ(x), by another name. */
  SWISH("swish", "torch.silu(x)"),
  /** x Φ(x). */
  GELU("gelu", "torch.gelu(x)"),
  /** x Φ(x), approximated by a hyperbolic tangent. */
  GELU_NEW("gelu_new", "torch.gelu(x, approximate=\"tanh\")"),
  /** max(x, 0) + 0.01 min(x, 0). */
  LEAKY_RELU("leakyrelu", "torch.leaky_relu(x)"),
  /** The hyperbolic tangent. */
  TANH("tanh", "torch.tanh(x)"),
  /** 1 / (1 + e⁻ˣ). */
  SIGMOID("sigmoid", "torch.sigmoid(x)"),
  /** x itself. */
  LINEAR("linear", "x");

  private final String json;

  private final String expression;

  NonLinearity(String json, String expression) {
    this.json = json;
    this.expression = expression;
  }

  /** The function of {@code x}, as an expression in a kernel. */
  public String expression() {
    return expression;
  }

  @Override
  public Object json() {
    return json;
  }

  @Override
  public boolean ignoresCase() {
    return true;
  }
}
