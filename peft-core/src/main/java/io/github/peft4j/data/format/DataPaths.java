package io.github.peft4j.data.format;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Quote;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The data files that a name means: a file, a folder's files, or those that match a pattern. */
public final class DataPaths {

  private static final Logger LOG = LoggerFactory.getLogger(DataPaths.class);

  /** The words in file names that the {@code datasets} library takes for splits. */
  private static final Map<String, String> SPLITS =
      Map.of(
          "train", "train",
          "training", "train",
          "validation", "validation",
          "valid", "validation",
          "dev", "validation",
          "val", "validation",
          "test", "test",
          "testing", "test",
          "eval", "test",
          "evaluation", "test");

  private static final Pattern WORD = Pattern.compile("[a-z]+");

  private DataPaths() {}

  /**
   * The files that a name means, sorted by name.
   *
   * @param name a file, a folder, or a pattern such as {@code data/*.jsonl}
   */
  public static List<Path> of(String name) {
    Path path = plain(name);
    if (path != null && Files.isDirectory(path)) {
      return folder(path);
    }
    boolean pattern = name.chars().anyMatch(c -> "*?[{".indexOf(c) >= 0);
    return path != null && (!pattern || Files.exists(path)) ? List.of(path) : matching(name);
  }

  private static @Nullable Path plain(String name) {
    try {
      return Path.of(name);
    } catch (InvalidPathException e) {
      return null; // a pattern, on systems whose names have no asterisks
    }
  }

  /** The data files of a folder, which are of one kind and belong to one split. */
  private static List<Path> folder(Path folder) {
    List<Path> files = walk(folder, 1, file -> true);
    Map<Kind, List<Path>> byKind = new EnumMap<>(Kind.class);
    Map<String, List<Path>> bySplit = new TreeMap<>();
    List<Path> other = new ArrayList<>();
    for (Path file : files) {
      Kind kind = Kind.named(file);
      if (kind == null) {
        other.add(file);
      } else {
        byKind.computeIfAbsent(kind, k -> new ArrayList<>()).add(file);
        bySplit.computeIfAbsent(split(file), s -> new ArrayList<>()).add(file);
      }
    }
    if (byKind.isEmpty()) {
      throw new DataException(
          "%s: no file ends with %s. The folder has: %s"
              .formatted(folder, Kind.SUFFIXES, names(files)));
    }
    refuseSeveral(folder, "kinds", byKind);
    refuseSeveral(folder, "splits", bySplit);
    if (!other.isEmpty()) {
      LOG.info("{}: not read, because they are no data files: {}", folder, names(other));
    }
    return byKind.values().iterator().next();
  }

  private static void refuseSeveral(Path folder, String what, Map<?, List<Path>> groups) {
    if (groups.size() > 1) {
      List<String> said = new ArrayList<>();
      groups.forEach((name, files) -> said.add(name + " (" + names(files) + ")"));
      throw new DataException(
          "%s: the folder has files of several %s: %s. Say which, by a pattern such as \"%s\""
              .formatted(
                  folder,
                  what,
                  String.join("; ", said),
                  folder.resolve(groups.values().iterator().next().get(0).getFileName() + "*")));
    }
  }

  private static String names(List<Path> files) {
    return Quote.list(files.stream().map(file -> file.getFileName().toString()).toList());
  }

  /** The split that a file's name says. */
  private static String split(Path file) {
    Matcher word = WORD.matcher(file.getFileName().toString().toLowerCase(Locale.ROOT));
    while (word.find()) {
      String split = SPLITS.get(word.group());
      if (split != null) {
        return split;
      }
    }
    return "no split";
  }

  private static List<Path> matching(String pattern) {
    String plain = pattern.replace('\\', '/');
    int special = 0;
    while ("*?[{".indexOf(plain.charAt(special)) < 0) {
      special++;
    }
    int slash = plain.lastIndexOf('/', special);
    Path folder = Path.of(slash < 0 ? "" : slash == 0 ? "/" : plain.substring(0, slash));
    String rest = plain.substring(slash + 1);
    PathMatcher matcher = matcher(plain, rest);
    int depth =
        rest.contains("**")
            ? Integer.MAX_VALUE
            : (int) rest.chars().filter(c -> c == '/').count() + 1;
    List<Path> files =
        Files.isDirectory(folder)
            ? walk(folder, depth, file -> matcher.matches(folder.relativize(file)))
            : List.of();
    if (files.isEmpty()) {
      throw new DataException("no file matches " + pattern);
    }
    return files;
  }

  private static PathMatcher matcher(String pattern, String glob) {
    try {
      return FileSystems.getDefault().getPathMatcher("glob:" + glob);
    } catch (PatternSyntaxException e) {
      throw new DataException(
          "'%s' is no pattern of files: %s".formatted(pattern, e.getDescription()), e);
    }
  }

  private static List<Path> walk(Path folder, int depth, Predicate<Path> wanted) {
    try (Stream<Path> files = Files.walk(folder, depth)) {
      return files
          .filter(Files::isRegularFile)
          .filter(file -> !file.getFileName().toString().startsWith("."))
          .filter(wanted)
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot list " + folder + ": " + e, e);
    }
  }
}
