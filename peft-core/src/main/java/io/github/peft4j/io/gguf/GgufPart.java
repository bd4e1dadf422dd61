package io.github.peft4j.io.gguf;

import io.github.peft4j.io.Bytes;
import io.github.peft4j.io.GgufNames;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A file of a model, which is the whole model or one of its parts. llama.cpp's gguf-split gives
 * each part three keys: its number {@code split.no}, counted from 0, the number of parts {@code
 * split.count}, and the number of tensors in all of them, {@code split.tensors.count}.
 *
 * @param label name of the file in error messages
 * @param path null for content in memory
 */
record GgufPart(String label, @Nullable Path path, Bytes bytes, HeaderReader.Header header) {

  private static final String COUNT = "split.count";
  private static final String NUMBER = "split.no";
  private static final String TENSORS = "split.tensors.count";

  static GgufPart of(String label, @Nullable Path path, Bytes bytes) throws IOException {
    return new GgufPart(label, path, bytes, HeaderReader.read(label, bytes));
  }

  /** Opens a file and the other parts of its model, in their order. */
  static List<GgufPart> all(Path path) {
    List<GgufPart> parts = new ArrayList<>();
    try {
      parts.add(open(path));
      long count = parts.get(0).count();
      if (count > 1) {
        openOthers(parts, path, count);
      }
      return List.copyOf(parts);
    } catch (RuntimeException | Error e) {
      parts.forEach(GgufPart::close);
      throw e;
    }
  }

  private static GgufPart open(Path path) {
    return Bytes.open(path, bytes -> of(path.toString(), path, bytes));
  }

  /**
   * @param parts the part that was asked for; all of them in the end
   */
  private static void openOthers(List<GgufPart> parts, Path path, long count) {
    GgufPart given = parts.get(0);
    List<String> names = GgufNames.parts(String.valueOf(path.getFileName()));
    if (names.size() != count) {
      throw new GgufException(
          ("%s: %s is %d, so that it is one of %d parts of a model, and its name has to be"
                  + " NAME-00001-of-%05d.gguf, with its own number: give all parts such names")
              .formatted(path, COUNT, count, count, count));
    }
    List<Path> missing =
        names.stream()
            .map(path::resolveSibling)
            .filter(part -> !Files.isRegularFile(part))
            .toList();
    if (!missing.isEmpty()) {
      throw new GgufException(
          "%s is one of %d parts of a model, and there is no %s: fetch what is missing"
              .formatted(
                  path, count, String.join(", ", missing.stream().map(Path::toString).toList())));
    }
    for (String name : names) {
      parts.add(
          name.equals(String.valueOf(path.getFileName()))
              ? given
              : open(path.resolveSibling(name)));
    }
    parts.remove(0);
    check(parts);
  }

  /** Checks that parts are those of one model, and that each stands at its place. */
  private static void check(List<GgufPart> parts) {
    Set<String> seen = new HashSet<>();
    long tensors = parts.get(0).number(TENSORS);
    for (int i = 0; i < parts.size(); i++) {
      GgufPart part = parts.get(i);
      part.require(COUNT, part.count(), parts.size());
      part.require(NUMBER, part.number(NUMBER), i);
      part.require(TENSORS, part.number(TENSORS), tensors);
      for (String name : part.header().tensors().keySet()) {
        if (!seen.add(name)) {
          throw new GgufException(
              "%s: tensor %s is in another part, too; the parts belong to several models: fetch them"
                      .formatted(part.label(), name)
                  + " again");
        }
      }
    }
    parts.get(0).require(TENSORS, tensors, seen.size());
  }

  private void require(String key, long found, long expected) {
    if (found != expected) {
      throw new GgufException(
          "%s: %s is %d, expected %d; the parts do not belong together: fetch them again"
              .formatted(label, key, found, expected));
    }
  }

  /** The number of parts; 1 for a model in one file. */
  private long count() {
    return header.metadata().findInteger(COUNT).orElse(1);
  }

  private long number(String key) {
    return header.metadata().integer(key);
  }

  void close() {
    try {
      bytes.close();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot close " + label, e);
    }
  }
}
