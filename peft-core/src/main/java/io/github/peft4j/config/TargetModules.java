package io.github.peft4j.config;

import java.util.Collection;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;

/**
 * Which modules a method rewrites, as Hugging Face PEFT's {@code target_modules}: a list of name
 * suffixes, a regular expression that matches whole names, or {@code all-linear}.
 */
public final class TargetModules {

  /** PEFT's word for every linear module but the output layer. */
  public static final String ALL_LINEAR = "all-linear";

  private final @Nullable List<String> suffixes;
  private final @Nullable String expression;

  private TargetModules(@Nullable List<String> suffixes, @Nullable String expression) {
    this.suffixes = suffixes;
    this.expression = expression;
  }

  /**
   * Modules whose name ends in one of these, as whole name parts: {@code q_proj}; none for none.
   */
  public static TargetModules of(List<String> suffixes) {
    return new TargetModules(List.copyOf(suffixes), null);
  }

  /**
   * Modules whose name ends in one of these, or every linear module but the output layer.
   *
   * @param names suffixes as in {@link #of(List)}, or {@link #ALL_LINEAR} alone
   * @throws IllegalArgumentException if {@link #ALL_LINEAR} is not alone
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
   * Targets that mean just these modules, as Hugging Face PEFT writes them: the last parts of their
   * names, or their whole names where the last parts would mean other modules as well.
   *
   * @param modules some of the candidates
   * @param candidates all that could be meant
   */
  public static TargetModules naming(Collection<String> modules, Collection<String> candidates) {
    TargetModules endings =
        of(modules.stream().map(n -> n.substring(n.lastIndexOf('.') + 1)).distinct().toList());
    long meant = candidates.stream().filter(endings::matches).count();
    return meant == modules.size() ? endings : of(List.copyOf(modules));
  }

  /** Modules whose whole name matches, or {@code "all-linear"}. */
  public static TargetModules matching(String expression) {
    if (!expression.equals(ALL_LINEAR)) {
      try {
        Pattern.compile(expression);
      } catch (PatternSyntaxException e) {
        throw new IllegalArgumentException(
            "target_modules \""
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
   * A regular expression of a config.
   *
   * @param field whose value it is
   * @param before put before it
   * @param after put behind it
   * @throws IllegalArgumentException naming both, if it is none
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

  /** The suffixes, or null if this is an expression. */
  public @Nullable List<String> suffixes() {
    return suffixes;
  }

  /** The expression, or null if this is a list. */
  public @Nullable String expression() {
    return expression;
  }

  /** Whether a module of this name is meant; for {@code all-linear} every name is. */
  public boolean matches(String name) {
    if (suffixes != null) {
      return suffixes.stream().anyMatch(s -> name.equals(s) || name.endsWith("." + s));
    }
    return isAllLinear() || (expression != null && name.matches(expression));
  }

  /** Whether a list has a module's whole name. */
  public boolean isNamed(String name) {
    return suffixes != null && suffixes.contains(name);
  }

  /**
   * Names restricted to some layers. A layer's index is the first number in a name that counts.
   *
   * @param indices layers that are meant; null for all
   * @param patterns name parts that stand before a layer's index, such as {@code layers}; null for
   *     any
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
