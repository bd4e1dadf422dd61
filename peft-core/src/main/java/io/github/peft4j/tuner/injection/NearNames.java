package io.github.peft4j.tuner.injection;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** Finds similar names, for error messages. */
public final class NearNames {

  private NearNames() {}

  /** The error message for target modules that match no module, with the nearest names. */
  public static String nothingMatches(String wanted, Collection<String> names) {
    return nothingMatches("target_modules", wanted, names);
  }

  /**
   * The same message for another setting than target modules.
   *
   * @param what the setting, for the message
   */
  public static String nothingMatches(String what, String wanted, Collection<String> names) {
    List<String> kinds =
        names.stream().map(name -> name.replaceAll("\\d+", "*")).distinct().toList();
    List<String> near = nearest(wanted.replaceAll("[\\[\\]]", ""), kinds, 8);
    return what
        + " "
        + wanted
        + " match no module of this model. Nearest of its "
        + kinds.size()
        + " kinds of modules: "
        + String.join(", ", near);
  }

  /**
   * The names nearest to a wanted one, by edit distance to their ends.
   *
   * @param most the largest number of names to return
   */
  public static List<String> nearest(String wanted, Collection<String> names, int most) {
    String[] wishes = wanted.split("[,\\s]+");
    return names.stream()
        .distinct()
        .sorted(Comparator.comparingInt(name -> distance(wishes, name)))
        .limit(most)
        .toList();
  }

  /** The name nearest to a wanted one, if at most a third of the wanted one's letters differ. */
  public static Optional<String> similar(String wanted, Collection<String> names) {
    return names.stream()
        .min(Comparator.comparingInt(name -> edits(wanted, name)))
        .filter(name -> edits(wanted, name) <= wanted.length() / 3);
  }

  private static int distance(String[] wishes, String name) {
    int best = Integer.MAX_VALUE;
    for (String wish : wishes) {
      String ending = name.substring(Math.max(0, name.length() - wish.length()));
      String last = name.substring(name.lastIndexOf('.') + 1);
      best = Math.min(best, Math.min(edits(wish, last), edits(wish, ending)));
      best = Math.min(best, edits(wish, name));
    }
    return best;
  }

  /** The Levenshtein distance. */
  static int edits(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int substituted = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(substituted, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[b.length()];
  }
}
