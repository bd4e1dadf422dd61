package io.github.peft4j.methods.bottleneck.fields;

/** What stands between the two maps; the names are those of Hugging Face transformers. */
public enum NonLinearity {
  /** max(x, 0). */
  relu("torch.relu(x)"),
  /** x σ(x). */
  silu("torch.silu(x)"),
  /** x σ(x), by another name. */
  swish("torch.silu(x)"),
  /** x Φ(x). */
  gelu("torch.gelu(x)"),
  /** x Φ(x), approximated by a hyperbolic tangent. */
  gelu_new("torch.gelu(x, approximate=\"tanh\")"),
  /** max(x, 0) + 0.01 min(x, 0). */
  leakyrelu("torch.leaky_relu(x)"),
  /** The hyperbolic tangent. */
  tanh("torch.tanh(x)"),
  /** 1 / (1 + e⁻ˣ). */
  sigmoid("torch.sigmoid(x)"),
  /** x itself. */
  linear("x");

  private final String expression;

  NonLinearity(String expression) {
    this.expression = expression;
  }

  /** The function of {@code x} in a kernel. */
  public String expression() {
    return expression;
  }
}
