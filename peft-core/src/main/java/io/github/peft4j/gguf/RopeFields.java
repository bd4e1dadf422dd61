package io.github.peft4j.gguf;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.github.peft4j.transformer.config.ModelConfig;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** The fields of rotary positions, and of what stretches them for long texts. */
final class RopeFields {

  private static final String THETA = "rope_theta";
  private static final String BASE = "rope.freq_base";
  private static final String TYPE = "rope.scaling.type";
  private static final String FACTOR = "rope.scaling.factor";
  private static final String ATTENTION = "rope.scaling.attn_factor";
  private static final String CONTEXT = "rope.scaling.original_context_length";
  private static final String ORIGINAL = "original_max_position_embeddings";
  private static final String POSITIONS = "max_position_embeddings";
  private static final String FREQUENCIES = "rope_freqs.weight";
  private static final String LONG = "rope_factors_long.weight";
  private static final String SHORT = "rope_factors_short.weight";

  private static final double USUAL_THETA = 10_000;

  /** What Llama 3's files have in common, apart from the factor. */
  private static final double LOW = 1;

  private static final double HIGH = 4;
  private static final double LLAMA3_POSITIONS = 8192;

  private RopeFields() {}

  /** The base and the scaling of all layers. */
  static Field usual() {
    return Field.of(
        RopeFields::read,
        (config, to) -> {
          ModelConfig rope = config.ropeParameters();
          writeScaling(config, rope, to);
          to.number(BASE, theta(config, rope, USUAL_THETA));
        });
  }

  /** The base of layers without a window and that of those with one: Gemma 3. */
  static Field ofWindows() {
    String local = "rope_local_base_freq";
    String key = "rope.freq_base_swa";
    return Field.of(
        (from, config) -> {
          read(from, config);
          config.addProperty(local, from.findNumber(key).orElse(USUAL_THETA));
        },
        (config, to) -> {
          ModelConfig rope = ofKind(config, "full_attention");
          writeScaling(config, rope, to);
          to.number(BASE, theta(config, rope, 1_000_000));
          ModelConfig windows = ofKind(config, "sliding_attention");
          to.number(key, windows.positive(THETA, config.positive(local, USUAL_THETA)));
        });
  }

  private static ModelConfig ofKind(ModelConfig config, String kind) {
    return config.has("rope_parameters")
        ? config.within("rope_parameters").within(kind)
        : config.within(kind.equals("full_attention") ? "rope_scaling" : kind);
  }

  /** A base that files do not say, since llama.cpp has one only. */
  static Field fixedBase() {
    return Field.of(
        RopeFields::read,
        (config, to) -> {
          ModelConfig rope = config.ropeParameters();
          double theta = theta(config, rope, USUAL_THETA);
          if (theta != USUAL_THETA || !type(rope).equals("default")) {
            writeScaling(config, rope, to);
            to.number(BASE, theta);
          }
        });
  }

  /** The number of positions in pretraining, which Phi-3's files always have. */
  static Field originalPositions() {
    return Field.derived(CONTEXT, config -> (long) original(config, config.ropeParameters()));
  }

  /** The base, and a scaling that {@link #longRope} writes: Phi-3. */
  static Field base() {
    return Field.of(
        RopeFields::read,
        (config, to) -> to.number(BASE, theta(config, config.ropeParameters(), USUAL_THETA)));
  }

  /** Factors of long and of short texts, if there are any: Phi-3. */
  static Field longRope() {
    return Field.of(
        (from, config) -> {},
        (config, to) -> {
          ModelConfig rope = config.ropeParameters();
          switch (type(rope)) {
            case "default" -> {}
            case "longrope", "su" -> writeLongRope(config, rope, to);
            default -> throw noFile(rope);
          }
        });
  }

  private static double theta(ModelConfig config, ModelConfig rope, double usual) {
    return rope.positive(THETA, config.positive(THETA, usual));
  }

  private static String type(ModelConfig rope) {
    return rope.text("rope_type", rope.text("type", "default"));
  }

  private static double original(ModelConfig config, ModelConfig rope) {
    return rope.positive(ORIGINAL, config.positive(ORIGINAL, config.positive(POSITIONS)));
  }

  // Reading

  private static void read(FileKeys from, JsonObject config) {
    double theta = from.findNumber(BASE).orElse(USUAL_THETA);
    config.addProperty(THETA, theta);
    JsonObject scaling = scaling(from, theta);
    if (scaling != null) {
      config.add("rope_scaling", scaling);
    }
  }

  private static @Nullable JsonObject scaling(FileKeys from, double theta) {
    OptionalDouble old = from.findNumber("rope.scale_linear");
    double factor = from.findNumber(FACTOR).orElse(old.orElse(1));
    OptionalLong original = from.findInteger(CONTEXT);
    OptionalDouble attention = from.findNumber(ATTENTION);
    String type = from.findString(TYPE).orElse(factor == 1 || factor == 0 ? "none" : "linear");
    if (from.hasTensor(LONG) || from.hasTensor(SHORT)) {
      return longRope(
          factors(from, SHORT),
          factors(from, LONG),
          attention,
          original.orElseGet(() -> from.integer(CONTEXT)));
    }
    JsonObject scaling = new JsonObject();
    switch (type) {
      case "none" -> {
        return from.hasTensor(FREQUENCIES)
            ? ofFactors(factors(from, FREQUENCIES), theta, from.integer("context_length"))
            : null;
      }
      case "linear" -> {
        scaling.addProperty("rope_type", type);
        scaling.addProperty("factor", factor);
      }
      case "yarn" -> {
        scaling.addProperty("rope_type", type);
        scaling.addProperty("factor", factor);
        original.ifPresent(positions -> scaling.addProperty(ORIGINAL, positions));
        from.findNumber("rope.scaling.yarn_attn_factor")
            .ifPresent(number -> scaling.addProperty("attention_factor", number));
        from.findNumber("rope.scaling.yarn_beta_fast")
            .ifPresent(number -> scaling.addProperty("beta_fast", number));
        from.findNumber("rope.scaling.yarn_beta_slow")
            .ifPresent(number -> scaling.addProperty("beta_slow", number));
      }
      case "longrope" ->
          throw from.unsupported(TYPE, type, "the tensors " + SHORT + " and " + LONG + " with it");
      default -> throw from.unsupported(TYPE, type, "one of none, linear, yarn and longrope");
    }
    if (from.hasTensor(FREQUENCIES)) {
      throw from.unsupported(TYPE, type, "none, since there is the tensor " + FREQUENCIES);
    }
    return scaling;
  }

  /** Factors, one for each pair of dimensions that is rotated. */
  private static float[] factors(FileKeys from, String tensor) {
    long rotated =
        from.findInteger("rope.dimension_count").orElseGet(() -> HeadFields.readSize(from));
    return from.numbers(tensor, rotated / 2);
  }

  private static JsonObject longRope(
      float[] shortFactors, float[] longFactors, OptionalDouble attention, long original) {
    JsonObject scaling = new JsonObject();
    scaling.addProperty("rope_type", "longrope");
    scaling.add("short_factor", numbers(shortFactors));
    scaling.add("long_factor", numbers(longFactors));
    scaling.addProperty(ORIGINAL, original);
    attention.ifPresent(number -> scaling.addProperty("attention_factor", number));
    return scaling;
  }

  private static JsonArray numbers(float... values) {
    JsonArray numbers = new JsonArray();
    for (float value : values) {
      numbers.add(Double.parseDouble(Float.toString(value)));
    }
    return numbers;
  }

  /**
   * Llama 3's scaling, which files have as a factor of each frequency. Factors of other numbers
   * than Llama 3's are kept as they are.
   */
  private static @Nullable JsonObject ofFactors(float[] factors, double theta, long positions) {
    float largest = 1;
    boolean plain = true;
    for (float factor : factors) {
      largest = Math.max(largest, factor);
      plain &= factor == 1;
    }
    if (plain) {
      return null;
    }
    float[] llama3 = llama3(theta, 2 * factors.length, largest, LOW, HIGH, LLAMA3_POSITIONS);
    for (int i = 0; i < factors.length; i++) {
      if (!(Math.abs(llama3[i] - factors[i]) <= 1e-4 * factors[i])) {
        return longRope(factors, factors, OptionalDouble.of(1), positions);
      }
    }
    JsonObject scaling = new JsonObject();
    scaling.addProperty("rope_type", "llama3");
    scaling.addProperty("factor", Double.parseDouble(Float.toString(largest)));
    scaling.addProperty("low_freq_factor", LOW);
    scaling.addProperty("high_freq_factor", HIGH);
    scaling.addProperty(ORIGINAL, (long) LLAMA3_POSITIONS);
    return scaling;
  }

  // Writing

  private static void writeScaling(ModelConfig config, ModelConfig rope, NewKeys to) {
    switch (type(rope)) {
      case "default" -> {}
      case "linear" -> {
        to.string(TYPE, "linear");
        to.number(FACTOR, rope.positive("factor"));
      }
      case "yarn" -> writeYarn(config, rope, to);
      case "llama3" ->
          to.tensor(
              FREQUENCIES,
              llama3(
                  theta(config, rope, USUAL_THETA),
                  (int) HeadFields.sizeOf(config),
                  rope.positive("factor"),
                  rope.positive("low_freq_factor"),
                  rope.positive("high_freq_factor"),
                  original(config, rope)));
      case "longrope", "su" -> {
        float[] factors = factors(rope, "short_factor");
        boolean same = Arrays.equals(factors, factors(rope, "long_factor"));
        if (same && rope.number("attention_factor", 0) == 1) {
          to.tensor(FREQUENCIES, factors);
        } else {
          to.string(TYPE, "longrope");
          to.integer(CONTEXT, (long) original(config, rope));
          writeLongRope(config, rope, to);
        }
      }
      default -> throw noFile(rope);
    }
  }

  private static void writeYarn(ModelConfig config, ModelConfig rope, NewKeys to) {
    double original = original(config, rope);
    for (String field : List.of("mscale", "mscale_all_dim")) {
      if (rope.has(field)) {
        throw rope.error(field, rope.number(field), "no such field: a GGUF file cannot say it");
      }
    }
    if (!rope.flag("truncate", true)) {
      throw rope.error("truncate", false, "true: a GGUF file cannot say it");
    }
    to.string(TYPE, "yarn");
    to.number(FACTOR, rope.positive("factor", config.positive(POSITIONS) / original));
    to.integer(CONTEXT, (long) original);
    writeIfThere(rope, "attention_factor", "rope.scaling.yarn_attn_factor", to);
    writeIfThere(rope, "beta_fast", "rope.scaling.yarn_beta_fast", to);
    writeIfThere(rope, "beta_slow", "rope.scaling.yarn_beta_slow", to);
  }

  private static void writeIfThere(ModelConfig rope, String field, String key, NewKeys to) {
    if (rope.has(field)) {
      to.number(key, rope.positive(field));
    }
  }

  private static void writeLongRope(ModelConfig config, ModelConfig rope, NewKeys to) {
    double original = original(config, rope);
    double scale = rope.positive("factor", config.positive(POSITIONS) / original);
    double usual = scale <= 1 ? 1 : Math.sqrt(1 + Math.log(scale) / Math.log(original));
    to.number(ATTENTION, rope.positive("attention_factor", usual));
    to.tensor(LONG, factors(rope, "long_factor"));
    to.tensor(SHORT, factors(rope, "short_factor"));
  }

  private static float[] factors(ModelConfig rope, String field) {
    List<Double> numbers = rope.numbers(field);
    float[] factors = new float[numbers.size()];
    for (int i = 0; i < factors.length; i++) {
      factors[i] = numbers.get(i).floatValue();
    }
    return factors;
  }

  private static IllegalArgumentException noFile(ModelConfig rope) {
    return rope.error(
        "rope_type", type(rope), "default, linear, yarn, llama3 or longrope: GGUF has no others");
  }

  /** What Llama 3's scaling divides each frequency by. */
  private static float[] llama3(
      double theta, int dimensions, double factor, double low, double high, double original) {
    float[] factors = new float[dimensions / 2];
    for (int i = 0; i < factors.length; i++) {
      float frequency = 1 / (float) Math.pow(theta, (float) (2 * i) / dimensions);
      float wave = (float) (2 * Math.PI) / frequency;
      if (wave < original / high) {
        factors[i] = 1;
      } else if (wave > original / low) {
        factors[i] = (float) factor;
      } else {
        float smooth = ((float) original / wave - (float) low) / (float) (high - low);
        factors[i] = 1 / ((1 - smooth) / (float) factor + smooth);
      }
    }
    return factors;
  }
}
