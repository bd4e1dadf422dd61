package io.github.peft4j.metrics.text;

import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * Porter's stemmer with the extensions of NLTK, its default mode {@code NLTK_EXTENSIONS}, which
 * rouge-score takes. Words are lower-case.
 */
final class PorterStemmer {

  private static final String VOWELS = "aeiou";

  private static final Map<String, String> IRREGULAR =
      Map.ofEntries(
          Map.entry("sky", "sky"),
          Map.entry("skies", "sky"),
          Map.entry("dying", "die"),
          Map.entry("lying", "lie"),
          Map.entry("tying", "tie"),
          Map.entry("news", "news"),
          Map.entry("innings", "inning"),
          Map.entry("inning", "inning"),
          Map.entry("outings", "outing"),
          Map.entry("outing", "outing"),
          Map.entry("cannings", "canning"),
          Map.entry("canning", "canning"),
          Map.entry("howe", "howe"),
          Map.entry("proceed", "proceed"),
          Map.entry("exceed", "exceed"),
          Map.entry("succeed", "succeed"));

  private static final List<Rule> STEP_1A =
      List.of(always("sses", "ss"), always("ies", "i"), always("ss", "ss"), always("s", ""));

  private static final List<Rule> STEP_1C =
      List.of(
          new Rule("y", "i", stem -> stem.length() > 1 && isConsonant(stem, stem.length() - 1)));

  private static final List<Rule> STEP_2 =
      List.of(
          positive("ational", "ate"),
          positive("tional", "tion"),
          positive("enci", "ence"),
          positive("anci", "ance"),
          positive("izer", "ize"),
          positive("bli", "ble"),
          positive("alli", "al"),
          positive("entli", "ent"),
          positive("eli", "e"),
          positive("ousli", "ous"),
          positive("ization", "ize"),
          positive("ation", "ate"),
          positive("ator", "ate"),
          positive("alism", "al"),
          positive("iveness", "ive"),
          positive("fulness", "ful"),
          positive("ousness", "ous"),
          positive("aliti", "al"),
          positive("iviti", "ive"),
          positive("biliti", "ble"),
          positive("fulli", "ful"),
          new Rule("logi", "log", stem -> measure(stem + "l") > 0));

  private static final List<Rule> STEP_3 =
      List.of(
          positive("icate", "ic"),
          positive("ative", ""),
          positive("alize", "al"),
          positive("iciti", "ic"),
          positive("ical", "ic"),
          positive("ful", ""),
          positive("ness", ""));

  private static final List<Rule> STEP_4 =
      List.of(
          long_("al"),
          long_("ance"),
          long_("ence"),
          long_("er"),
          long_("ic"),
          long_("able"),
          long_("ible"),
          long_("ant"),
          long_("ement"),
          long_("ment"),
          long_("ent"),
          new Rule(
              "ion", "", stem -> measure(stem) > 1 && (stem.endsWith("s") || stem.endsWith("t"))),
          long_("ou"),
          long_("ism"),
          long_("ate"),
          long_("iti"),
          long_("ous"),
          long_("ive"),
          long_("ize"));

  private static final List<Rule> STEP_5B =
      List.of(new Rule("ll", "l", stem -> measure(stem + "l") > 1));

  private PorterStemmer() {}

  /** A suffix becomes another one, if what is before it fulfils a condition. */
  private record Rule(String suffix, String replacement, Predicate<String> condition) {}

  private static Rule always(String suffix, String replacement) {
    return new Rule(suffix, replacement, stem -> true);
  }

  private static Rule positive(String suffix, String replacement) {
    return new Rule(suffix, replacement, stem -> measure(stem) > 0);
  }

  private static Rule long_(String suffix) {
    return new Rule(suffix, "", stem -> measure(stem) > 1);
  }

  /** The stem of a word. */
  static String stem(String word) {
    String irregular = IRREGULAR.get(word);
    if (irregular != null) {
      return irregular;
    }
    if (word.length() <= 2) {
      return word;
    }
    String stem = apply(STEP_1C, step1b(step1a(word)));
    stem = apply(STEP_4, apply(STEP_3, step2(stem)));
    return apply(STEP_5B, step5a(stem));
  }

  /** Applies the first rule whose suffix the word has. If its condition fails, nothing changes. */
  private static String apply(List<Rule> rules, String word) {
    for (Rule rule : rules) {
      if (word.endsWith(rule.suffix)) {
        String stem = without(word, rule.suffix);
        return rule.condition.test(stem) ? stem + rule.replacement : word;
      }
    }
    return word;
  }

  private static String without(String word, String suffix) {
    return word.substring(0, word.length() - suffix.length());
  }

  private static String step1a(String word) {
    return word.length() == 4 && word.endsWith("ies") ? word.substring(0, 3) : apply(STEP_1A, word);
  }

  private static String step1b(String word) {
    if (word.endsWith("ied")) {
      return word.substring(0, word.length() - (word.length() == 4 ? 1 : 2));
    }
    if (word.endsWith("eed")) {
      return measure(without(word, "eed")) > 0 ? without(word, "d") : word;
    }
    for (String suffix : List.of("ed", "ing")) {
      if (word.endsWith(suffix) && hasVowel(without(word, suffix))) {
        return restore(without(word, suffix));
      }
    }
    return word;
  }

  /** Ends a stem that lost "ed" or "ing" as its other forms end. */
  private static String restore(String stem) {
    if (stem.endsWith("at") || stem.endsWith("bl") || stem.endsWith("iz")) {
      return stem + "e";
    }
    if (endsInDoubleConsonant(stem)) {
      char last = stem.charAt(stem.length() - 1);
      return "lsz".indexOf(last) >= 0 ? stem : stem.substring(0, stem.length() - 1);
    }
    return measure(stem) == 1 && endsShort(stem) ? stem + "e" : stem;
  }

  private static String step2(String word) {
    if (word.endsWith("alli") && measure(without(word, "alli")) > 0) {
      return step2(without(word, "li"));
    }
    return apply(STEP_2, word);
  }

  private static String step5a(String word) {
    if (!word.endsWith("e")) {
      return word;
    }
    String stem = without(word, "e");
    int measure = measure(stem);
    return measure > 1 || (measure == 1 && !endsShort(stem)) ? stem : word;
  }

  /** How often a consonant follows a vowel. */
  private static int measure(String stem) {
    int measure = 0;
    boolean[] consonants = consonants(stem);
    for (int i = 1; i < consonants.length; i++) {
      measure += !consonants[i - 1] && consonants[i] ? 1 : 0;
    }
    return measure;
  }

  private static boolean hasVowel(String stem) {
    for (boolean consonant : consonants(stem)) {
      if (!consonant) {
        return true;
      }
    }
    return false;
  }

  private static boolean isConsonant(String word, int i) {
    return consonants(word)[i];
  }

  /** A y is a consonant at the beginning and after a vowel. */
  private static boolean[] consonants(String word) {
    boolean[] consonants = new boolean[word.length()];
    for (int i = 0; i < consonants.length; i++) {
      char c = word.charAt(i);
      consonants[i] = c == 'y' ? i == 0 || !consonants[i - 1] : VOWELS.indexOf(c) < 0;
    }
    return consonants;
  }

  private static boolean endsInDoubleConsonant(String word) {
    int last = word.length() - 1;
    return last >= 1 && word.charAt(last) == word.charAt(last - 1) && isConsonant(word, last);
  }

  /** Consonant, vowel, consonant that is not w, x or y; or no more than vowel and consonant. */
  private static boolean endsShort(String word) {
    boolean[] consonants = consonants(word);
    int last = word.length() - 1;
    if (last == 1) {
      return !consonants[0] && consonants[1];
    }
    return last >= 2
        && consonants[last - 2]
        && !consonants[last - 1]
        && consonants[last]
        && "wxy".indexOf(word.charAt(last)) < 0;
  }
}
