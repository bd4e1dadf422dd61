package io.github.peft4j.config;

import java.util.Collection;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;

/**
 * The modules that a method rewrites, like Hugging Face PEFT's {@code target_modules}: a list of
 * name suffixes, a regular expression that matches full names, or {@code all-linear}.
 */
public final class TargetModules {

  /** PEFT's name for all linear modules except the output layer. */
  public static final String ALL_LINEAR = "all-linear";

  private final @Nullable List<String> suffixes;
  private final @Nullable String expression;

  private TargetModules(@Nullable List<String> suffixes, @Nullable String expression) {
    this.suffixes = suffixes;
    this.expression = expression;
  }

  /**
   * Modules whose name ends in one of these suffixes. Suffixes match whole name parts: {@code
   * q_proj} does not match {@code my_q_proj}. An empty list selects no module.
   *
   * @throws IllegalArgumentException if one of them is blank
   */
  public static TargetModules of(List<String> suffixes) {
    if (suffixes.stream().anyMatch(String::isBlank)) {
      throw new IllegalArgumentException(
          "the names of modules are " + suffixes + "; expected no blank name among them");
    }
    return new TargetModules(List.copyOf(suffixes), null);
  }

  /**
   * Modules whose name ends in one of these suffixes, or all linear modules except the output
   * layer.
   *
   * @param names suffixes as in {@link #of(List)}, or {@link #ALL_LINEAR} alone
   * @throws IllegalArgumentException if {@link #ALL_LINEAR} is given with other names
   */
  public static TargetModules of(String... names) {
    List<String> suffixes = List.of(names);
    if (!suffixes.contains(ALL_LINEAR)) {
      return of(suffixes);
    }
    if (suffixes.size() > 1) {
      throw new IllegalArgumentException(
          "target modules are "
              + suffixes
              + "; expected \"all-linear\" alone, or names without it");
    }
    return matching(ALL_LINEAR);
  }

  /**
   * Targets that select exactly these modules, as Hugging Face PEFT writes them: the last parts of
   * their names, or full names if the last parts would also select other modules.
   *
   * @param modules some of the candidates
   * @param candidates all modules that could be selected
   */
  public static TargetModules naming(Collection<String> modules, Collection<String> candidates) {
    TargetModules endings =
        of(modules.stream().map(n -> n.substring(n.lastIndexOf('.') + 1)).distinct().toList());
    long meant = candidates.stream().filter(endings::matches).count();
    return meant == modules.size() ? endings : of(List.copyOf(modules));
  }

  /** Modules whose full name matches a regular expression, or {@code "all-linear"}. */
  public static TargetModules matching(String expression) {
    if (!expression.equals(ALL_LINEAR)) {
      try {
        Pattern.compile(expression);
      } catch (PatternSyntaxException e) {
        throw new IllegalArgumentException(
            "names of modules: \""
                + expression
                + "\" is not a regular expression: "
                + e.getDescription()
                + "; to name modules pass a list of names",
            e);
      }
    }
    return new TargetModules(null, expression);
  }

  /**
   * Compiles a regular expression of a config.
   *
   * @param field its name in errors
   * @param before regular expression to prepend
   * @param after regular expression to append
   * @throws IllegalArgumentException if it is not a regular expression; the message names field and
   *     value
   */
  public static Pattern pattern(String field, String before, String expression, String after) {
    try {
      return Pattern.compile(before + expression + after);
    } catch (PatternSyntaxException e) {
      throw new IllegalArgumentException(
          field + " \"" + expression + "\" is not a regular expression: " + e.getDescription(), e);
    }
  }

  /** Whether this is {@code all-linear}. */
  public boolean isAllLinear() {
    return ALL_LINEAR.equals(expression);
  }

  /** The suffixes, or null if this is a regular expression. */
  public @Nullable List<String> suffixes() {
    return suffixes;
  }

  /** The regular expression, or null if this is a list. */
  public @Nullable String expression() {
    return expression;
  }

  /** Whether a module of this name is selected; {@code all-linear} selects every name. */
  public boolean matches(String name) {
    if (suffixes != null) {
      return suffixes.stream().anyMatch(s -> name.equals(s) || name.endsWith("." + s));
    }
    return isAllLinear() || (expression != null && name.matches(expression));
  }

  /** Whether this is a list that contains the module's full name. */
  public boolean isNamed(String name) {
    return suffixes != null && suffixes.contains(name);
  }

  /**
   * Restricts names to some layers. A layer's index is the number right after one of the patterns
   * or, without patterns, the first number after at least two name parts.
   *
   * @param indices the layers, from 0; null for all
   * @param patterns name parts that precede a layer's index, such as {@code layers}; null for any
   */
  public static Predicate<String> inLayers(
      @Nullable List<Integer> indices, @Nullable List<String> patterns) {
    if (indices == null) {
      return name -> true;
    }
    List<Pattern> compiled =
        patterns == null || patterns.isEmpty()
            ? List.of(Pattern.compile(".*?\\.[^.]*\\.(\\d+)\\."))
            : patterns.stream()
                .map(part -> pattern("layers_pattern", "(?:^|.*?\\.)", part, "\\.(\\d+)\\."))
                .toList();
    return name ->
        compiled.stream()
            .map(pattern -> pattern.matcher(name))
            .filter(Matcher::lookingAt)
            .findFirst()
            .map(m -> indices.contains(Integer.valueOf(m.group(1))))
            .orElse(false);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TargetModules that && toString().equals(that.toString());
  }

  @Override
  public int hashCode() {
    return toString().hashCode();
  }

  @Override
  public String toString() {
    return suffixes != null ? suffixes.toString() : String.valueOf(expression);
  }
}
