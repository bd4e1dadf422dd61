package io.github.peft4j.hub;

import java.util.Optional;
import java.util.regex.Pattern;

/** What a repository may be called, as huggingface_hub's {@code validate_repo_id} says. */
final class RepositoryId {

  /** At most one namespace. Each part begins and ends with a letter, a digit or an underscore. */
  private static final Pattern FORM =
      Pattern.compile("(\\w|\\w[\\w.-]{0,94}\\w)(/(\\w|\\w[\\w.-]{0,94}\\w))?");

  private RepositoryId() {}

  /** What is wrong with an id, or empty. */
  static Optional<String> problem(String id) {
    if (!FORM.matcher(id).matches()) {
      return Optional.of(
          "a repository's name is org/name, or name alone: each part has at most 96 letters, digits"
              + " and the characters - _ . , and begins and ends with a letter or a digit");
    }
    if (id.contains("--") || id.contains("..")) {
      return Optional.of("a repository's name has no -- and no ..");
    }
    return id.endsWith(".git")
        ? Optional.of("a repository's name does not end with .git")
        : Optional.empty();
  }
}
