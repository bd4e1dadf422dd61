package io.github.peft4j.methods.lora.init;

import com.google.gson.JsonElement;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How LoRA's matrices are initialised: {@code init_lora_weights}, with Hugging Face PEFT's names
 * and formulas.
 *
 * <p>{@link #PISSA}, its fast variant and {@link #OLORA} start from a part s B₀ A₀ of the frozen
 * weight W, which is subtracted from W: y = (W − s B₀ A₀) x + s B A x. PEFT overwrites W. Here the
 * layer subtracts B₀ A₀ itself, so that W stays unchanged for other adapters and for the model
 * without any.
 */
public final class LoraInitialization {

  /** A is Kaiming-uniform, B zero: no effect at the start. */
  public static final LoraInitialization DEFAULT =
      new LoraInitialization(new JsonPrimitive(true), false, LoraInitializers::kaiming);

  /** A is normal with standard deviation 1/r, B zero: no effect at the start. */
  public static final LoraInitialization GAUSSIAN =
      new LoraInitialization(new JsonPrimitive("gaussian"), false, LoraInitializers::gaussian);

  /** Both are random, with an effect from the start; for tests. */
  public static final LoraInitialization RANDOM =
      new LoraInitialization(new JsonPrimitive(false), false, LoraInitializers::random);

  /**
   * A and B are the r largest singular values and vectors of W (Meng et al. 2024, arXiv:2404.02948,
   * eq. 2).
   */
  public static final LoraInitialization PISSA =
      new LoraInitialization(new JsonPrimitive("pissa"), true, LoraInitializers::pissa);

  /**
   * A and B are the first r columns of Q and rows of R of W = Q R (Büyükakyüz 2024,
   * arXiv:2406.01775).
   */
  public static final LoraInitialization OLORA =
      new LoraInitialization(new JsonPrimitive("olora"), true, LoraInitializers::olora);

  /**
   * Both are random with B A = 0, from the even and the odd rows of an orthogonal matrix; r must be
   * even.
   */
  public static final LoraInitialization ORTHOGONAL =
      new LoraInitialization(new JsonPrimitive("orthogonal"), false, LoraInitializers::orthogonal);

  /**
   * A holds the directions in which a module's inputs vary most, B is zero (Paischer et al. 2024,
   * arXiv:2410.07170). It needs data: see {@code lora.eva.Eva}. Without data, A is Kaiming-uniform.
   */
  public static final LoraInitialization EVA =
      new LoraInitialization(new JsonPrimitive("eva"), false, LoraInitializers::kaiming);

  /**
   * A and B are the part of W that examples use most or least, by the covariance of a module's
   * inputs (Yang et al. 2024, arXiv:2406.05223). It needs data: see {@code lora.corda.Corda}.
   */
  public static final LoraInitialization CORDA =
      new LoraInitialization(new JsonPrimitive("corda"), true, module -> withoutData());

  /**
   * A and B are what quantising W loses, as far as rank r goes, and the adapter computes with the
   * quantised W (Li et al. 2023, arXiv:2310.08659). For frozen weights that are kept in fewer bits
   * already, see {@code lora.loftq.Loftq}.
   */
  public static final LoraInitialization LOFTQ =
      new LoraInitialization(new JsonPrimitive("loftq"), false, LoraInitializers::kaiming);

  private static final Pattern FAST_PISSA = Pattern.compile("pissa_niter_(\\d{1,4})");
  private static final List<LoraInitialization> FIXED =
      List.of(DEFAULT, GAUSSIAN, RANDOM, PISSA, OLORA, ORTHOGONAL, EVA, CORDA, LOFTQ);

  private final JsonElement json;
  private final boolean takenOff;
  private final Rule rule;

  /** Computes the initial values of A and B. */
  @FunctionalInterface
  interface Rule {
    InitialFactors of(LoraInitializers.Module module);
  }

  private LoraInitialization(JsonElement json, boolean takenOff, Rule rule) {
    this.json = json;
    this.takenOff = takenOff;
    this.rule = rule;
  }

  /**
   * {@link #PISSA} by a randomised decomposition, which takes seconds instead of minutes for large
   * models (Halko et al. 2011, arXiv:0909.4061, algorithm 4.4).
   *
   * @param iterations number of subspace iterations, 0 or more; with 16 the result is close to the
   *     exact one
   */
  public static LoraInitialization pissa(int iterations) {
    if (iterations < 0) {
      throw new IllegalArgumentException(
          "pissa_niter_[number of iterations] is to have 0 iterations or more, not " + iterations);
    }
    return new LoraInitialization(
        new JsonPrimitive("pissa_niter_" + iterations),
        true,
        module -> LoraInitializers.fastPissa(module, iterations));
  }

  /**
   * {@link #CORDA} with data.
   *
   * @param parts read with the inputs of all targets
   */
  public static LoraInitialization corda(WeightedParts parts) {
    return new LoraInitialization(CORDA.json, true, parts::of);
  }

  private static InitialFactors withoutData() {
    throw new UnsupportedMethodException(
        "LoraConfig: field 'init_lora_weights' is \"corda\", which takes A and B out of examples:"
            + " Corda.of(config).adapt(model, examples) does. If this adapter is read from a folder,"
            + " the folder lacks what was taken off the weights, as those of Hugging Face PEFT do:"
            + " save it in Python with"
            + " save_pretrained(folder, path_initial_model_for_weight_conversion=...)");
  }

  /** Whether s B₀ A₀ is subtracted from the frozen weight. */
  public boolean isTakenOff() {
    return takenOff;
  }

  /** Whether A and B are initialised independently of the frozen weight and of each other. */
  public boolean isPlain() {
    return !takenOff && !equals(RANDOM) && !equals(LOFTQ);
  }

  /**
   * The initial values of A and B of a linear layer.
   *
   * @param r the rank
   * @param scale s
   */
  public InitialFactors start(LinearSite site, int r, double scale, Initializer initial) {
    return rule.of(new LoraInitializers.Module(site, r, scale, initial));
  }

  /** Placeholders for A and B that will be read from a file. */
  public static InitialFactors zeros(LinearSite site, int r, Initializer initial) {
    return new InitialFactors(
        initial.zeros(r, site.inFeatures()), initial.zeros(site.outFeatures(), r));
  }

  /** The value of {@code init_lora_weights} in {@code adapter_config.json}. */
  public JsonElement toJson() {
    return json;
  }

  /**
   * Reads {@code init_lora_weights} of {@code adapter_config.json}.
   *
   * @throws UnsupportedMethodException naming the supported values
   */
  public static LoraInitialization fromJson(JsonElement json) {
    for (LoraInitialization fixed : FIXED) {
      if (fixed.json.equals(json)) {
        return fixed;
      }
    }
    Matcher fast = FAST_PISSA.matcher(json.isJsonPrimitive() ? json.getAsString() : "");
    if (fast.matches()) {
      return pissa(Integer.parseInt(fast.group(1)));
    }
    throw new UnsupportedMethodException(
        "supported are true, false, \"corda\", \"gaussian\", \"loftq\", \"orthogonal\", \"eva\", \"olora\","
            + " \"pissa\" and"
            + " \"pissa_niter_[number of iterations]\". An adapter that started otherwise can be"
            + " used once it is a plain LoRA: save it in Python with"
            + " save_pretrained(folder, path_initial_model_for_weight_conversion=...)");
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof LoraInitialization that && json.equals(that.json);
  }

  @Override
  public int hashCode() {
    return json.hashCode();
  }

  @Override
  public String toString() {
    return json.getAsString();
  }
}
