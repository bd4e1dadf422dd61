package io.github.peft4j.transformer.rope;

import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import java.util.List;

/**
 * How the frequencies of rotary positions change for texts longer than those of pretraining: the
 * {@code rope_type} of a config. The formulas are those of transformers' modeling_rope_utils.py.
 */
public sealed interface RopeScaling {

  /**
   * The frequencies for a text.
   *
   * @param theta θ, the base
   * @param dimensions number of rotated dimensions of a head, r
   * @param length number of positions of the text
   * @return radians per position, r/2 of them, rounded up
   */
  float[] frequencies(double theta, int dimensions, long length);

  /** The factor of all cosines and sines. */
  default double attentionFactor() {
    return 1;
  }

  /**
   * The number of positions that a text may have.
   *
   * @param positions {@code max_position_embeddings}
   */
  default long limit(long positions) {
    return positions;
  }

  /** A number that is equal for texts of equal frequencies. */
  default long regime(long length) {
    return 0;
  }

  /**
   * Whether keys that were rotated in a text of {@code before} positions are wrong in one of {@code
   * after} positions, as Hugging Face transformers sees it: a cache is then computed anew.
   */
  default boolean outdates(long before, long after) {
    return false;
  }

  /** No scaling: θ^(-2i/r). */
  record Default() implements RopeScaling {
    @Override
    public float[] frequencies(double theta, int dimensions, long length) {
      float[] frequencies = new float[(dimensions + 1) / 2];
      for (int i = 0; i < frequencies.length; i++) {
        frequencies[i] = (float) (1.0 / Math.pow(theta, 2.0 * i / dimensions));
      }
      return frequencies;
    }
  }

  /** Positions are divided by a factor (Chen et al. 2023, arXiv:2306.15595). */
  record Linear(double factor) implements RopeScaling {
    @Override
    public float[] frequencies(double theta, int dimensions, long length) {
      float[] frequencies = plain(theta, dimensions);
      for (int i = 0; i < frequencies.length; i++) {
        frequencies[i] /= (float) factor;
      }
      return frequencies;
    }
  }

  /**
   * θ grows with the text beyond {@code maxPositions} ("dynamic NTK"). transformers keeps the θ of
   * the longest text so far for a while; here each text has its own.
   */
  record Dynamic(double factor, long maxPositions) implements RopeScaling {
    @Override
    public float[] frequencies(double theta, int dimensions, long length) {
      double stretch = factor * regime(length) / maxPositions - (factor - 1);
      return plain(theta * Math.pow(stretch, dimensions / (dimensions - 2.0)), dimensions);
    }

    /** Only longer texts than those of {@code max_position_embeddings} are scaled. */
    @Override
    public long limit(long positions) {
      return Math.max(positions, (long) (factor * (double) positions));
    }

    @Override
    public long regime(long length) {
      return Math.max(length, maxPositions);
    }
  }

  /**
   * Llama 3.1's: long wavelengths are stretched, short ones kept, those between interpolated.
   *
   * @param original number of positions in pretraining
   */
  record Llama3(double factor, double lowFrequency, double highFrequency, double original)
      implements RopeScaling {
    @Override
    public float[] frequencies(double theta, int dimensions, long length) {
      float[] frequencies = plain(theta, dimensions);
      for (int i = 0; i < frequencies.length; i++) {
        double wave = 2 * Math.PI / frequencies[i];
        if (wave > original / lowFrequency) {
          frequencies[i] /= (float) factor;
        } else if (wave >= original / highFrequency) {
          double smooth = (original / wave - lowFrequency) / (highFrequency - lowFrequency);
          frequencies[i] *= (float) ((1 - smooth) / factor + smooth);
        }
      }
      return frequencies;
    }
  }

  /**
   * YaRN (Peng et al. 2023, arXiv:2309.00071): dimensions that turn less than {@code slow} times in
   * a text of pretraining are interpolated, those that turn more than {@code fast} times are kept,
   * with a linear ramp between.
   *
   * @param original number of positions in pretraining
   * @param truncate whether the ramp's ends are rounded to whole dimensions
   */
  record Yarn(
      double factor,
      double attentionFactor,
      double original,
      double fast,
      double slow,
      boolean truncate)
      implements RopeScaling {
    @Override
    public float[] frequencies(double theta, int dimensions, long length) {
      double first = dimensionOf(fast, theta, dimensions);
      double last = dimensionOf(slow, theta, dimensions);
      double low = Math.max(truncate ? Math.floor(first) : first, 0);
      double high = Math.min(truncate ? Math.ceil(last) : last, dimensions - 1);
      double width = low == high ? 0.001 : high - low;
      float[] frequencies = plain(theta, dimensions);
      for (int i = 0; i < frequencies.length; i++) {
        double interpolated = Math.min(Math.max((i - low) / width, 0), 1);
        frequencies[i] *= (float) (interpolated / factor + (1 - interpolated));
      }
      return frequencies;
    }

    /** The pair of dimensions that turns this many times in a text of pretraining. */
    private double dimensionOf(double turns, double theta, int dimensions) {
      return dimensions * Math.log(original / (turns * 2 * Math.PI)) / (2 * Math.log(theta));
    }
  }

  /**
   * LongRoPE (Ding et al. 2024, arXiv:2402.13753): a factor for each pair of dimensions, of one set
   * for texts up to {@code original} positions and of another set for longer ones.
   */
  record LongRope(
      List<Double> shortFactor, List<Double> longFactor, double attentionFactor, long original)
      implements RopeScaling {
    @Override
    public float[] frequencies(double theta, int dimensions, long length) {
      List<Double> factors = regime(length) == 0 ? shortFactor : longFactor;
      float[] frequencies = plain(theta, dimensions);
      for (int i = 0; i < frequencies.length; i++) {
        frequencies[i] /= factors.get(i).floatValue();
      }
      return frequencies;
    }

    @Override
    public long regime(long length) {
      return length > original ? 1 : 0;
    }

    @Override
    public boolean outdates(long before, long after) {
      return regime(before) != regime(after);
    }
  }

  private static float[] plain(double theta, int dimensions) {
    return new Default().frequencies(theta, dimensions, 0);
  }

  /**
   * The scaling that a config describes.
   *
   * @param config of the model, for {@code max_position_embeddings}
   * @param rope its {@code rope_parameters}
   * @param dimensions number of rotated dimensions of a head
   */
  static RopeScaling of(ModelConfig config, ModelConfig rope, int dimensions) {
    String field = rope.has("rope_type") ? "rope_type" : "type";
    String type = rope.text(field, "default");
    return switch (type) {
      case "default" -> new Default();
      case "linear" -> new Linear(rope.positive("factor"));
      case "dynamic" ->
          new Dynamic(rope.positive("factor"), config.size("max_position_embeddings"));
      case "llama3" ->
          new Llama3(
              rope.positive("factor"),
              rope.positive("low_freq_factor"),
              rope.positive("high_freq_factor"),
              original(config, rope));
      case "yarn" -> yarn(config, rope);
      case "longrope", "su" -> longRope(config, rope, dimensions);
      default ->
          throw new UnsupportedModelException(
              rope.error(
                  field, type, "one of default, linear, dynamic, yarn, longrope and llama3"));
    };
  }

  private static Yarn yarn(ModelConfig config, ModelConfig rope) {
    double original = original(config, rope);
    double factor = factor(config, rope, original);
    double scale = rope.number("mscale", 0);
    double scaleAll = rope.number("mscale_all_dim", 0);
    double usual =
        scale != 0 && scaleAll != 0
            ? yarnFactor(factor, scale) / yarnFactor(factor, scaleAll)
            : yarnFactor(factor, 1);
    return new Yarn(
        factor,
        rope.positive("attention_factor", usual),
        original,
        rope.positive("beta_fast", 32),
        rope.positive("beta_slow", 1),
        rope.flag("truncate", true));
  }

  private static double yarnFactor(double factor, double scale) {
    return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
  }

  private static LongRope longRope(ModelConfig config, ModelConfig rope, int dimensions) {
    double original = original(config, rope);
    double factor = factor(config, rope, original);
    if (original <= 1) {
      throw rope.error("original_max_position_embeddings", original, "a number above 1");
    }
    double usual = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
    return new LongRope(
        factors(rope, "short_factor", dimensions),
        factors(rope, "long_factor", dimensions),
        rope.positive("attention_factor", usual),
        (long) original);
  }

  private static List<Double> factors(ModelConfig rope, String field, int dimensions) {
    List<Double> factors = rope.numbers(field);
    boolean positive = factors.stream().allMatch(f -> f > 0 && Double.isFinite(f));
    if (factors.size() != dimensions / 2 || !positive) {
      throw rope.error(field, factors, dimensions / 2 + " finite numbers above 0");
    }
    return factors;
  }

  /** Without a factor it is the ratio of the model's positions to those of pretraining. */
  private static double factor(ModelConfig config, ModelConfig rope, double original) {
    return rope.has("factor")
        ? rope.positive("factor")
        : config.size("max_position_embeddings") / original;
  }

  /** The number of positions in pretraining; formerly a field of the model's config. */
  private static double original(ModelConfig config, ModelConfig rope) {
    String field = "original_max_position_embeddings";
    return rope.has(field)
        ? rope.positive(field)
        : config.positive(field, config.positive("max_position_embeddings"));
  }
}
