package io.github.peft4j.hub;

import java.util.Collection;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * Names of files in a repository, with slashes between their parts. A name is taken only if it
 * means one file below the snapshot's folder on every system, since caches are copied and shared.
 */
final class FileNames {

  private static final Pattern DRIVE = Pattern.compile("[A-Za-z]:.*", Pattern.DOTALL);

  /** Devices of Windows, which no ending turns into files: {@code nul.json}. */
  private static final Pattern DEVICE =
      Pattern.compile(
          "(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])( *\\..*)?", Pattern.CASE_INSENSITIVE);

  private static final Pattern SPECIAL = Pattern.compile("[<>:\"|?*\\x00-\\x1f\\x7f]");

  private FileNames() {}

  /**
   * Why no Git repository has a file of this name, or empty. A server that sends one means harm.
   */
  static Optional<String> forgery(String name) {
    if (name.isEmpty() || name.startsWith("/") || DRIVE.matcher(name).matches()) {
      return Optional.of("it is empty or absolute");
    }
    if (name.indexOf('\0') >= 0) {
      return Optional.of("it has a NUL character");
    }
    Set<String> none = Set.of("", ".", "..");
    for (String part : name.replace('\\', '/').split("/", -1)) {
      if (none.contains(part)) {
        return Optional.of("it has the part '" + part + "'");
      }
    }
    return Optional.empty();
  }

  /** Why a file of this name is not written, or empty. */
  static Optional<String> problem(String name) {
    Optional<String> forgery = forgery(name);
    if (forgery.isPresent()) {
      return forgery;
    }
    if (name.indexOf('\\') >= 0) {
      return Optional.of("it has a backslash");
    }
    if (SPECIAL.matcher(name).find()) {
      return Optional.of("it has a character that Windows refuses: one of <>:\"|?* or a control");
    }
    for (String part : name.split("/", -1)) {
      if (DEVICE.matcher(part).matches()) {
        return Optional.of("'" + part + "' is a device of Windows");
      }
      if (part.endsWith(".") || part.endsWith(" ")) {
        return Optional.of("'" + part + "' ends with a dot or a blank");
      }
    }
    return Optional.empty();
  }

  /** A name as errors show it, without control characters. */
  static String shown(String name) {
    return "'" + name.replaceAll("\\p{Cntrl}", "�") + "'";
  }

  /**
   * Refuses names that are not safe, and names that differ in case only.
   *
   * @param repository in the error
   * @throws HubException naming the files
   */
  static void require(String repository, Collection<String> names) {
    Map<String, String> folded = new TreeMap<>();
    for (String name : names) {
      problem(name)
          .ifPresent(
              why -> {
                throw refused(repository, name, why);
              });
      String other = folded.put(name.toLowerCase(Locale.ROOT), name);
      if (other != null && !other.equals(name)) {
        throw refused(
            repository,
            name,
            "it differs from "
                + shown(other)
                + " in case only, and many systems take them for the same file");
      }
    }
  }

  static HubException refused(String repository, String name, String why) {
    return new HubException(
        repository
            + ": the file name "
            + shown(name)
            + " is refused: "
            + why
            + ". Nothing was written. Ask the repository's owner to rename the file");
  }
}
