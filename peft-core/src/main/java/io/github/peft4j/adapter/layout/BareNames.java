package io.github.peft4j.adapter.layout;

import io.github.peft4j.io.RenamedTensors;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.site.Site;
import java.util.Collection;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Tensor names without the body's prefix, {@code model.} or {@code bert.}, as in adapters trained
 * on a model without a head, such as an embedding model or one loaded by {@code AutoModel}.
 *
 * @param full the start of names in a model with a head
 * @param bare the start of names in the file; the same if no prefix is missing
 */
public record BareNames(String full, String bare) {

  /** Names with the full prefix. */
  public static final BareNames NONE = new BareNames("", "");

  private static final String PEFT = PeftLayout.PREFIX;

  /** Detects from the names in a file whether they lack the body's prefix. */
  public static BareNames of(Collection<String> names, TransformerModel model) {
    String root = model.bodyPrefix();
    Set<String> parts =
        model
            .sites()
            .map(Site::name)
            .filter(name -> name.startsWith(root) && name.length() > root.length())
            .map(name -> first(name.substring(root.length())))
            .collect(Collectors.toSet());
    boolean lack =
        !root.isEmpty()
            && !names.isEmpty()
            && names.stream()
                .allMatch(
                    name ->
                        name.startsWith(PEFT)
                            && !name.startsWith(PEFT + root)
                            && parts.contains(first(name.substring(PEFT.length()))));
    return lack ? new BareNames(PEFT + root, PEFT) : NONE;
  }

  private static String first(String name) {
    int dot = name.indexOf('.');
    return dot < 0 ? name : name.substring(0, dot);
  }

  /** Converts a tensor's name to its name in the file. */
  public String inFile(String name) {
    return name.startsWith(full) ? bare + name.substring(full.length()) : name;
  }

  /** Converts a name in the file to the tensor's name. */
  public String own(String name) {
    return full + name.substring(bare.length());
  }

  /** The tensors of a file, under their names in a model with a head. */
  public TensorSource over(TensorSource source) {
    return RenamedTensors.by(source, this::own);
  }
}
