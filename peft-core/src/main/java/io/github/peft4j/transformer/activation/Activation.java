package io.github.peft4j.transformer.activation;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import io.github.peft4j.transformer.cuda.GatedText;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The activation functions that config files name in {@code hidden_act}. */
public enum Activation {
  /** x Φ(x) with the error function. */
  GELU("gelu", "torch.gelu(x)", "torch.gelu_backward(g, x)", GatedText.GELU),
  /** GELU under another name. */
  GELU_PYTHON("gelu_python", "torch.gelu(x)", "torch.gelu_backward(g, x)", GatedText.GELU),
  /** GELU clipped to [-10, 10]. */
  GELU_10("gelu_10", "torch.clamp(torch.gelu(x), -10, 10)"),
  /** GELU by its tanh approximation, as GPT-2 names it. */
  GELU_NEW(
      "gelu_new",
      "torch.gelu(x, approximate=\"tanh\")",
      "torch.gelu_backward(g, x, approximate=\"tanh\")",
      GatedText.GELU_TANH),
  /** GELU by its tanh approximation. */
  GELU_PYTORCH_TANH(
      "gelu_pytorch_tanh",
      "torch.gelu(x, approximate=\"tanh\")",
      "torch.gelu_backward(g, x, approximate=\"tanh\")",
      GatedText.GELU_TANH),
  /** GELU by its tanh approximation, under another name. */
  GELU_PYTHON_TANH(
      "gelu_python_tanh",
      "torch.gelu(x, approximate=\"tanh\")",
      "torch.gelu_backward(g, x, approximate=\"tanh\")",
      GatedText.GELU_TANH),
  /** GELU by its tanh approximation, under another name. */
  GELU_ACCURATE(
      "gelu_accurate",
      "torch.gelu(x, approximate=\"tanh\")",
      "torch.gelu_backward(g, x, approximate=\"tanh\")",
      GatedText.GELU_TANH),
  /** GELU by a tanh approximation, under an older name. */
  GELU_FAST(
      "gelu_fast",
      "torch.gelu(x, approximate=\"tanh\")",
      "torch.gelu_backward(g, x, approximate=\"tanh\")",
      GatedText.GELU_TANH),
  /** x σ(1.702 x). */
  QUICK_GELU("quick_gelu", "torch.mul(x, torch.sigmoid(torch.mul(x, 1.702)))"),
  /** max(x, 0). */
  RELU("relu", "torch.relu(x)", "torch.threshold_backward(g, x, 0)", null),
  /** max(x, 0)². */
  RELU2("relu2", "torch.square(torch.relu(x))"),
  /** min(max(x, 0), 6). */
  RELU6("relu6", "torch.relu6(x)"),
  /** x, or x / 100 if x is below 0. */
  LEAKY_RELU("leaky_relu", "torch.leaky_relu(x, 0.01)"),
  /** σ(x). */
  SIGMOID("sigmoid", "torch.sigmoid(x)"),
  /** x tanh(log(1 + eˣ)). */
  MISH("mish", "torch.mish(x)"),
  /** x min(max(x + 3, 0), 6) / 6. */
  HARDSWISH("hardswish", "torch.hardswish(x)"),
  /** x. */
  LINEAR("linear", "x"),
  /** x σ(x). */
  SILU("silu", "torch.silu(x)", "torch.silu_backward(g, x)", GatedText.SILU),
  /** SiLU under another name. */
  SWISH("swish", "torch.silu(x)", "torch.silu_backward(g, x)", GatedText.SILU),
  /** Hyperbolic tangent. */
  TANH("tanh", "torch.tanh(x)");

  private final String id;
  private final Kernel plain;
  private final Kernel gated;

  Activation(String id, String expression) {
    this(id, expression, null, null);
  }

  /**
   * An activation f.
   *
   * @param expression f(x) in TorchScript
   * @param derivative g f'(x) in TorchScript, or null to leave it to PyTorch
   * @param text f(gate) ∘ up in CUDA C, or null
   */
  Activation(String id, String expression, @Nullable String derivative, @Nullable GatedText text) {
    this.id = id;
    Kernel plainly =
        Kernel.of("def activation(x: Tensor) -> Tensor:\n    return " + expression + "\n");
    Kernel gating =
        Kernel.of(
            "def gated(x: Tensor, up: Tensor) -> Tensor:\n    return torch.mul("
                + expression
                + ", up)\n");
    this.plain =
        derivative == null
            ? plainly
            : plainly
                .derivative(
                    "x",
                    "def back(g: Tensor, x: Tensor) -> Tensor:\n    return " + derivative + "\n")
                .cheap();
    this.gated = derivative == null ? gating : gated(gating, expression, derivative, text);
  }

  private static Kernel gated(
      Kernel forward, String expression, String derivative, @Nullable GatedText text) {
    Kernel back =
        Kernel.of(
            "def slope(g: Tensor, x: Tensor) -> Tensor:\n    return "
                + derivative
                + "\n\ndef back(g: Tensor, x: Tensor, up: Tensor) -> List[Tensor]:\n"
                + "    return [slope(torch.mul(g, up), x), torch.mul(g, "
                + expression
                + ")]\n");
    Kernel derived =
        text == null
            ? forward.derivative("x, up", null, back)
            : forward.cuda(text.forward()).derivative("x, up", null, back.cuda(text.back()));
    return derived.cheap();
  }

  /**
   * The activation with this name in a config file.
   *
   * @throws IllegalArgumentException if there is none; the message lists the supported names
   */
  public static Activation named(String id) {
    return find(id)
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "unknown activation '" + id + "'; supported: " + names()));
  }

  private static Optional<Activation> find(String id) {
    return Arrays.stream(values()).filter(a -> a.id.equals(id)).findFirst();
  }

  /** The names of all, with commas between them. */
  public static String names() {
    return Arrays.stream(values()).map(a -> a.id).collect(Collectors.joining(", "));
  }

  /**
   * The activation that a config's field names.
   *
   * @param usual the name if the field is missing
   * @throws UnsupportedModelException if there is none of this name
   */
  public static Activation of(ModelConfig config, String field, String usual) {
    String id = config.text(field, usual);
    return find(id)
        .orElseThrow(
            () ->
                new UnsupportedModelException(
                    config.error(field, "'" + id + "'", "one of " + names())));
  }

  /** Computes f(x). */
  public NDArray apply(NDArray x) {
    return plain.call(x);
  }

  /** Computes f(gate) ∘ up, both (…, I). */
  public NDArray gate(NDArray gate, NDArray up) {
    return gated.call(gate, up);
  }
}
