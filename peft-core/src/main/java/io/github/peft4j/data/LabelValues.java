package io.github.peft4j.data;

import java.math.BigDecimal;
import java.text.Normalizer;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Recognises values that are not labels: absent ones, numbers that mark examples without a label,
 * and words that tools write for missing values.
 */
public final class LabelValues {

  /** The words that pandas reads as missing values. */
  private static final Set<String> MISSING =
      Set.of(
          "nan",
          "NaN",
          "-nan",
          "-NaN",
          "None",
          "null",
          "NULL",
          "NA",
          "<NA>",
          "N/A",
          "n/a",
          "#NA",
          "#N/A",
          "#N/A N/A");

  private static final Pattern NEGATIVE = Pattern.compile("-\\d+(\\.0*)?");
  private static final Pattern NUMBER =
      Pattern.compile("[+-]?\\d{1,30}(\\.\\d{0,30})?([eE][+-]?\\d{1,2})?");

  /** What nobody sees: marks of direction and joining, and a byte order mark. */
  private static final Pattern INVISIBLE = Pattern.compile("\\p{Cf}");

  private final Map<String, Seen> byMeaning = new HashMap<>();

  /** The first spelling of a label, and its place. */
  private record Seen(String label, String place) {}

  /** Why a value is not a label, or null if it may be one. */
  public static @Nullable String problem(@Nullable String value) {
    String label = value == null ? "" : INVISIBLE.matcher(value).replaceAll("").strip();
    if (label.isEmpty()) {
      return value == null ? "missing or null" : "blank";
    }
    if (MISSING.contains(label)) {
      return "'" + label + "', which tools write for a missing value";
    }
    return NEGATIVE.matcher(label).matches()
        ? label + ", which data sets write for examples without a label"
        : null;
  }

  /** Adds a label. Returns the problem if an earlier row spells it differently, else null. */
  public @Nullable String contradiction(String label, String place) {
    Seen first = byMeaning.computeIfAbsent(meaning(label), m -> new Seen(label, place));
    return first.label().equals(label)
        ? null
        : "'%s', but %s writes it '%s': these would be two classes. Write all labels of a"
                .formatted(label, first.place(), first.label())
            + " class in one way";
  }

  /**
   * The meaning of a label. Numbers and booleans mean the same in every spelling, and words that
   * look the same are the same label; words that differ in case are different labels.
   */
  private static String meaning(String written) {
    String label =
        INVISIBLE
            .matcher(Normalizer.normalize(written, Normalizer.Form.NFKC))
            .replaceAll("")
            .strip();
    if (NUMBER.matcher(label).matches()) {
      return new BigDecimal(label).stripTrailingZeros().toPlainString();
    }
    String small = label.toLowerCase(Locale.ROOT);
    return small.equals("true") || small.equals("false") ? small : "label " + label;
  }
}
