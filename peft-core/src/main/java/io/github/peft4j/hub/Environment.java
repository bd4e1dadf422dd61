package io.github.peft4j.hub;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Variables as huggingface_hub reads them.
 *
 * @param variable the value of a variable, or null
 * @param home the user's folder, which {@code ~} stands for
 */
record Environment(Function<String, @Nullable String> variable, Path home) {

  private static final Set<String> TRUE = Set.of("1", "ON", "YES", "TRUE");
  private static final Pattern REFERENCE = Pattern.compile("\\$(?:(\\w+)|\\{(\\w+)})");

  static Environment ofProcess() {
    return new Environment(
        name -> {
          String property = System.getProperty(name);
          return property == null ? System.getenv(name) : property;
        },
        Path.of(System.getProperty("user.home")));
  }

  /** A value that is not blank. */
  Optional<String> text(String name) {
    return Optional.ofNullable(variable.apply(name)).filter(value -> !value.isBlank());
  }

  /** Whether the first of these variables that is set says yes. */
  boolean flag(String... names) {
    for (String name : names) {
      Optional<String> value = text(name);
      if (value.isPresent()) {
        return TRUE.contains(value.get().strip().toUpperCase(Locale.ROOT));
      }
    }
    return false;
  }

  Duration seconds(String name, int otherwise) {
    Optional<String> value = text(name);
    if (value.isEmpty()) {
      return Duration.ofSeconds(otherwise);
    }
    if (!value.get().strip().matches("[1-9][0-9]{0,5}")) {
      throw new IllegalArgumentException(
          name + " is '" + value.get() + "'; expected a whole number of seconds above 0");
    }
    return Duration.ofSeconds(Long.parseLong(value.get().strip()));
  }

  private Optional<Path> path(String name) {
    return text(name)
        .map(
            value -> {
              String expanded = expand(value);
              return expanded.equals("~") || expanded.startsWith("~/")
                  ? home.resolve(expanded.substring(Math.min(2, expanded.length())))
                  : Path.of(expanded);
            });
  }

  /** Replaces {@code $NAME} and <code>${NAME}</code>; what is not set stays as it is. */
  private String expand(String value) {
    return REFERENCE
        .matcher(value)
        .replaceAll(
            match -> {
              String name = match.group(1) == null ? match.group(2) : match.group(1);
              String known = variable.apply(name);
              return Matcher.quoteReplacement(known == null ? match.group() : known);
            });
  }

  private Path hubHome() {
    return path("HF_HOME")
        .or(() -> path("XDG_CACHE_HOME").map(cache -> cache.resolve("huggingface")))
        .orElseGet(() -> home.resolve(".cache").resolve("huggingface"));
  }

  Path hubCache() {
    return path("HF_HUB_CACHE")
        .or(() -> path("HUGGINGFACE_HUB_CACHE"))
        .orElseGet(() -> hubHome().resolve("hub"))
        .toAbsolutePath();
  }

  Path tokenFile() {
    return path("HF_TOKEN_PATH").orElseGet(() -> hubHome().resolve("token"));
  }
}
