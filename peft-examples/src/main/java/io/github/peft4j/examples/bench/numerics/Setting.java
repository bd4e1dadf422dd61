package io.github.peft4j.examples.bench.numerics;

import io.github.peft4j.kernel.Precision;
import io.github.peft4j.train.step.Activations;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A way to compute a training, in a process of its own.
 *
 * @param precision of the model
 * @param properties what the JVM is started with: the switches of fast computations
 * @param activations what is done with them until the backward pass
 * @param seed of the changes by a rounding that it begins with; 0 for none
 * @param rows what it trains on
 * @param claim what it promises; null for what others are compared with
 */
public record Setting(
    String name,
    Precision precision,
    Map<String, Boolean> properties,
    Activations activations,
    int seed,
    Rows rows,
    @Nullable Claim claim) {

  /** Which rows a setting trains on. */
  public enum Rows {
    /** One text of full length. */
    EVEN,
    /** Texts of several lengths, three in a row. */
    PACKED,
    /** Both, texts of several lengths in rows of their own. */
    EVEN_AND_PADDED
  }

  /**
   * What a fast computation promises.
   *
   * @param like the name of the setting that it is like
   * @param exactly whether it promises the same bits, and not the same but for rounding
   */
  public record Claim(String like, boolean exactly) {}

  /** Everything fast is off, in the precision that is looked at. */
  static final String ORACLE = "oracle";

  /** The oracle in a higher precision. */
  static final String HIGHER = "higher";

  /** The oracle with an adapter that is rounded otherwise at first. */
  static final List<String> TWINS = List.of("twin1", "twin2");

  /** What exact promises are compared with, a second time. */
  static final String AGAIN = "again";

  private static final List<String> CPU = List.of("derivatives", "oneDnn");
  private static final List<String> GPU = List.of("derivatives", "cudaText");
  private static final String GRAPHS = "cudaGraphs";

  /**
   * All settings of a device: the oracles, then one fast computation after the other, each with
   * those before it, and those that promise the same bits.
   */
  public static List<Setting> of(boolean gpu, Precision precision) {
    Map<String, Boolean> off = new LinkedHashMap<>();
    CPU.forEach(name -> off.put(name, false));
    GPU.forEach(name -> off.put(name, false));
    off.put(GRAPHS, false);
    List<Setting> settings = new ArrayList<>();
    Rows both = Rows.EVEN_AND_PADDED;
    settings.add(new Setting(HIGHER, higher(precision), off, Activations.KEPT, 0, both, null));
    settings.add(new Setting(ORACLE, precision, off, Activations.KEPT, 0, both, null));
    for (String twin : TWINS) {
      settings.add(
          new Setting(twin, precision, off, Activations.KEPT, 1 + TWINS.indexOf(twin), both, null));
    }
    Claim rounding = new Claim(ORACLE, false);
    Setting fastest = settings.get(1);
    for (String name : gpu ? GPU : CPU) {
      fastest = fastest.with(name, rounding);
      settings.add(fastest);
    }
    settings.add(
        new Setting(AGAIN, precision, fastest.properties, Activations.KEPT, 0, Rows.EVEN, null));
    Claim exact = new Claim(fastest.name, true);
    // a GPU's libraries choose other kernels where nothing is recorded
    Claim again = gpu ? rounding : exact;
    settings.add(fastest.with("recompute", Activations.RECOMPUTED, again));
    settings.add(fastest.with("host", Activations.ON_HOST, again)); // of batches of 4096 tokens
    if (gpu) {
      settings.add(fastest.with(GRAPHS, exact));
    }
    settings.add(
        new Setting(
            "packing", precision, fastest.properties, Activations.KEPT, 0, Rows.PACKED, rounding));
    return settings;
  }

  /** What a claim is measured with. */
  public static List<Setting> needed(List<Setting> settings, Claim claim) {
    return settings.stream()
        .filter(
            setting ->
                claim.exactly()
                    ? setting.name.equals(AGAIN) || setting.name.equals(claim.like())
                    : setting.isOracle())
        .toList();
  }

  private Setting with(String name, Activations other, Claim promise) {
    return new Setting(name, precision, properties, other, 0, Rows.EVEN, promise);
  }

  private Setting with(String property, Claim promise) {
    Map<String, Boolean> changed = new LinkedHashMap<>(properties);
    changed.put(property, true);
    return new Setting(property, precision, changed, activations, 0, Rows.EVEN, promise);
  }

  private static Precision higher(Precision precision) {
    return switch (precision) {
      case BFLOAT16, FLOAT16 -> Precision.FLOAT32;
      case FLOAT32 -> Precision.FLOAT64;
      case FLOAT64 ->
          throw new IllegalArgumentException(
              "float64 has no higher precision to measure its rounding by; choose another");
    };
  }

  /** Whether it is an oracle: they differ from each other by rounding only. */
  private boolean isOracle() {
    return claim == null && !name.equals(AGAIN);
  }

  /** The names of all oracles. */
  static List<String> oracles() {
    return List.of(HIGHER, ORACLE, TWINS.get(0), TWINS.get(1));
  }

  /** What an adapter's numbers change by at first in a twin: the largest rounding. */
  double change() {
    return switch (precision) {
      case BFLOAT16 -> 0x1p-8;
      case FLOAT16 -> 0x1p-11;
      case FLOAT32 -> 0x1p-24;
      case FLOAT64 -> 0x1p-53;
    };
  }

  /** The options of its JVM. */
  public List<String> options() {
    return properties.entrySet().stream()
        .map(property -> "-Dpeft4j." + property.getKey() + "=" + property.getValue())
        .toList();
  }

  /** The precision's name on the command line. */
  String precisionName() {
    return precision.name().toLowerCase(Locale.ROOT);
  }
}
