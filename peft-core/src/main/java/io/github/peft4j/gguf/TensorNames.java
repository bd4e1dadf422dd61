package io.github.peft4j.gguf;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names of an architecture's tensors: in a GGUF file {@code blk.0.attn_q.weight}, at Hugging
 * Face {@code model.layers.0.self_attn.q_proj.weight}.
 */
final class TensorNames {

  /** The number of a layer: the first part of a name that is a number. */
  private static final Pattern LAYER = Pattern.compile("(?<=\\.)(\\d+)(?=\\.)");

  private static final String ANY = "#";
  private static final List<String> ENDS = List.of(".weight", ".bias");

  /**
   * A tensor, or one for each layer.
   *
   * @param stored its name in files, without {@code .weight}, and with {@code #} for the layer
   * @param name its name at Hugging Face, likewise
   * @param transform how its numbers differ
   */
  record Entry(String stored, String name, Transform transform) {}

  /** A tensor under both names. */
  record Named(String stored, String name, Transform transform) {}

  private final List<Entry> entries = new ArrayList<>();
  private final List<String> leftOut = new ArrayList<>();
  private final String prefix;

  TensorNames() {
    this("");
  }

  /**
   * @param prefix that names at Hugging Face may have, such as {@code bert.} in classes with a head
   */
  TensorNames(String prefix) {
    this.prefix = prefix;
  }

  /** Adds a tensor whose numbers are the same on both sides. */
  TensorNames add(String stored, String name) {
    return add(stored, name, Transform.NONE);
  }

  TensorNames add(String stored, String name, Transform transform) {
    entries.add(new Entry(stored, name, transform));
    return this;
  }

  /** Names what models of Hugging Face's have, and no file has. */
  TensorNames leaveOut(String name) {
    leftOut.add(name);
    return this;
  }

  /** Whether no file has a tensor of Hugging Face's. */
  boolean isLeftOut(String name) {
    String bare = bare(name);
    return leftOut.stream().anyMatch(each -> bare.startsWith(each + "."));
  }

  private String bare(String name) {
    return name.startsWith(prefix) ? name.substring(prefix.length()) : name;
  }

  /** Finds a tensor by its name in files. */
  Optional<Named> ofStored(String stored) {
    return find(stored, true);
  }

  /** Finds a tensor by its name at Hugging Face. */
  Optional<Named> ofName(String name) {
    return find(bare(name), false);
  }

  private Optional<Named> find(String given, boolean isStored) {
    String end = ENDS.stream().filter(given::endsWith).findFirst().orElse("");
    String body = given.substring(0, given.length() - end.length());
    Matcher matcher = LAYER.matcher(body + ".");
    String layer = matcher.find() ? matcher.group() : "";
    String pattern =
        layer.isEmpty()
            ? body
            : body.substring(0, matcher.start())
                + ANY
                + body.substring(Math.min(matcher.end(), body.length()));
    return entries.stream()
        .filter(entry -> (isStored ? entry.stored() : entry.name()).equals(pattern))
        .filter(entry -> !end.isEmpty())
        .findFirst()
        .map(
            entry ->
                new Named(
                    entry.stored().replace(ANY, layer) + end,
                    entry.name().replace(ANY, layer) + end,
                    entry.transform().of(end)));
  }
}
