package io.github.peft4j.gguf;

import java.util.Arrays;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** What a model is called in a GGUF file, as llama.cpp's converter makes it of a folder's name. */
final class Titles {

  /** Words that stay as they are: versions and numbers. */
  private static final Pattern NUMBER = Pattern.compile("v\\d+(\\.\\d+)*|\\d.*");

  private static final String[] UNITS = {"K", "M", "B", "T"};

  private Titles() {}

  /**
   * A title.
   *
   * @param name a folder or {@code org/name}
   */
  static String of(String name) {
    String last = name.replaceAll("[/\\\\]+$", "").replaceAll("^.*[/\\\\]", "");
    String title =
        Arrays.stream(last.replaceAll("\\.gguf$", "").replace('-', ' ').trim().split("\\s+"))
            .map(Titles::word)
            .collect(Collectors.joining(" "));
    return title.isEmpty() ? "Model" : title;
  }

  /** A word with a capital, unless it has one already. */
  private static String word(String word) {
    boolean small = word.equals(word.toLowerCase(Locale.ROOT)) && !word.isEmpty();
    if (!small || NUMBER.matcher(word).matches()) {
      return word;
    }
    StringBuilder title = new StringBuilder();
    boolean within = false;
    for (int i = 0; i < word.length(); i++) {
      char c = word.charAt(i);
      title.append(within ? c : Character.toTitleCase(c));
      within = Character.isLetter(c);
    }
    return title.toString();
  }

  /** A number of parameters in two digits or more, such as 135M or 1.2B. */
  static String size(long parameters) {
    int unit = parameters > 1e12 ? 3 : parameters > 1e9 ? 2 : parameters > 1e6 ? 1 : 0;
    double scaled = parameters / Math.pow(1000, unit + 1);
    long rounded = Math.round(scaled);
    int digits = rounded == 0 ? 0 : String.valueOf(rounded).length();
    return String.format(Locale.ROOT, "%." + Math.max(2 - digits, 0) + "f%s", scaled, UNITS[unit]);
  }
}
