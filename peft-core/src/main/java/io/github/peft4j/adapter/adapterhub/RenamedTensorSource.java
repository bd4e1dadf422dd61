package io.github.peft4j.adapter.adapterhub;

import io.github.peft4j.io.FileRegion;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/**
 * Tensors of AdapterHub's files under peft4j's names. An adapter saved from a model without a head
 * lacks the model's own prefix ({@code bert.}). One saved from a model with the library's heads may
 * have another prefix ({@code transformer.}). Both are found, as are names of the library's first
 * releases. Other tensors keep their names.
 */
final class RenamedTensorSource implements TensorSource {

  /** The shared prefixes of prefix tuning, which every attention of the library lists again. */
  private static final String COPY = ".prefix_tuning.pool.";

  /** A module name of the first releases, which the library renames when it loads them. */
  private static final Pattern FORMER =
      Pattern.compile(
          "(?:attention|layer)_text_(?:task|lang)_(adapters)|invertible_lang_(adapters)");

  private final TensorSource source;
  private final Map<String, String> inFile = new LinkedHashMap<>();

  /**
   * Renames tensors.
   *
   * @param names names in the file by peft4j's name; the first is read, the others are copies
   */
  RenamedTensorSource(TensorSource source, Map<String, List<String>> names) {
    this.source = source;
    Set<String> left = new LinkedHashSet<>(source.names());
    left.removeIf(name -> name.contains(COPY));
    names.forEach(
        (own, theirs) -> {
          for (int i = theirs.size() - 1; i >= 0; i--) {
            String wanted = theirs.get(i);
            Optional<String> found =
                left.stream().filter(name -> isMeant(wanted, today(name))).findFirst();
            if (found.isPresent()) {
              left.remove(found.get());
              inFile.put(own, found.get());
            }
          }
        });
    left.forEach(name -> inFile.put(name, name));
  }

  /** Whether a name in a file equals the wanted one except for the model's prefix. */
  static boolean isMeant(String wanted, String name) {
    return ("." + wanted).endsWith("." + name) || name.endsWith("." + wanted);
  }

  /** Today's name of a tensor. */
  private static String today(String name) {
    return FORMER
        .matcher(name)
        .replaceAll(former -> former.group(1) == null ? "invertible_$2" : "$1");
  }

  private String inFile(String name) {
    return inFile.getOrDefault(name, name);
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(inFile.keySet());
  }

  @Override
  public TensorInfo info(String name) {
    TensorInfo info = source.info(inFile(name));
    return new TensorInfo(name, info.dtype(), info.shape());
  }

  @Override
  public void read(String name, Consumer<ByteBuffer> sink) {
    source.read(inFile(name), sink);
  }

  @Override
  public Optional<FileRegion> region(String name) {
    return source.region(inFile(name));
  }

  @Override
  public void close() {
    source.close();
  }
}
