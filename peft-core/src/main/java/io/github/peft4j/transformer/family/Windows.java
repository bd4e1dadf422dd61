package io.github.peft4j.transformer.family;

import io.github.peft4j.transformer.config.ModelConfig;
import java.util.List;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/** Which layers of a stack have a window. */
public final class Windows {

  private static final String SLIDING = "sliding_attention";
  private static final List<String> KINDS = List.of("full_attention", SLIDING);

  private Windows() {}

  /**
   * Whether a layer slides, by {@code layer_types}.
   *
   * @param otherwise which layers slide if the config has no such field
   */
  public static IntPredicate sliding(ModelConfig config, int layers, IntPredicate otherwise) {
    List<String> kinds = config.texts("layer_types");
    if (kinds.isEmpty()) {
      return otherwise;
    }
    if (kinds.size() != layers || !KINDS.containsAll(kinds)) {
      throw config.error(
          "layer_types", kinds, "one of " + KINDS + " for each of " + layers + " layers");
    }
    return i -> kinds.get(i).equals(SLIDING);
  }

  /**
   * The window of each layer.
   *
   * @param window of those that slide, or null
   */
  public static IntFunction<@Nullable Integer> of(IntPredicate sliding, @Nullable Integer window) {
    return i -> sliding.test(i) ? window : null;
  }

  /**
   * The size in {@code sliding_window}, or null for no window.
   *
   * @param usual the size if the config has no such field; null for none
   */
  public static @Nullable Integer size(ModelConfig config, @Nullable Integer usual) {
    String field = "sliding_window";
    return config.has(field)
        ? Integer.valueOf(config.size(field))
        : config.isNull(field) ? null : usual;
  }
}
