package io.github.peft4j.adapter.adapterhub;

import io.github.peft4j.io.RenamedTensors;
import io.github.peft4j.io.TensorSource;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Tensors of AdapterHub's files under peft4j's names. An adapter saved from a model without a head
 * lacks the model's own prefix ({@code bert.}). One saved from a model with the library's heads may
 * have another prefix ({@code transformer.}). Both are found, as are names of the library's first
 * releases. Other tensors keep their names.
 */
final class AdapterHubNames {

  /** The shared prefixes of prefix tuning, which every attention of the library lists again. */
  private static final String COPY = ".prefix_tuning.pool.";

  /** A module name of the first releases, which the library renames when it loads them. */
  private static final Pattern FORMER =
      Pattern.compile(
          "(?:attention|layer)_text_(?:task|lang)_(adapters)|invertible_lang_(adapters)");

  private AdapterHubNames() {}

  /**
   * Renames tensors.
   *
   * @param names names in the file by peft4j's name; the first is read, the others are copies
   */
  static TensorSource over(TensorSource source, Map<String, List<String>> names) {
    Map<String, String> inFile = new LinkedHashMap<>();
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
    return new RenamedTensors(source, inFile);
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
}
