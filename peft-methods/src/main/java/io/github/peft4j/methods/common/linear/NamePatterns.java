package io.github.peft4j.methods.common.linear;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import java.util.Map;

/**
 * Values of single modules by name, where Hugging Face PEFT does not match as {@link
 * Configs#ofModule} does: FourierFT's and C3A's patterns.
 */
public final class NamePatterns {

  private NamePatterns() {}

  /**
   * A module's value. A regular expression matches an ending of the name that begins after a dot;
   * the first that matches counts. Otherwise a whole name counts.
   *
   * @param pattern values by regular expression, or by whole name
   * @param otherwise the value of a module that nothing matches
   */
  public static <T> T afterDot(Map<String, T> pattern, String module, T otherwise) {
    return pattern.entrySet().stream()
        .filter(
            entry ->
                TargetModules.pattern("the pattern", ".*\\.", entry.getKey(), "$")
                    .matcher(module)
                    .lookingAt())
        .findFirst()
        .map(Map.Entry::getValue)
        .orElseGet(() -> pattern.getOrDefault(module, otherwise));
  }
}
