package io.github.peft4j.methods.common.sparse;

import io.github.peft4j.adapter.layout.PeftLayout;
import io.github.peft4j.tuner.site.Rewrite;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The file layout of sparse methods: two tensors for each tensor of the model, its name followed by
 * {@code .values} and {@code .indices}. How many entries there are is read off them.
 */
public final class SparseLayout<C extends SparseConfig<C>> implements PeftLayout<C> {

  @Override
  public Set<String> types() {
    return Set.of("FISH", "CHILD_TUNING", "LT_SFT", "DIFF_PRUNING", "SPIEL");
  }

  @Override
  public C asStored(C config, Map<String, long[]> shapes) {
    Map<String, Integer> entries = new LinkedHashMap<>();
    shapes.forEach(
        (name, shape) -> {
          if (name.startsWith(prefix())
              && name.endsWith(SparseEntries.INDICES)
              && shape.length == 1) {
            int end = name.length() - SparseEntries.INDICES.length();
            entries.put(name.substring(prefix().length(), end), (int) shape[0]);
          }
        });
    return config.entries(entries);
  }

  @Override
  public C trained(C config, List<Rewrite> layers) {
    return config.entries(Map.of());
  }

  @Override
  public boolean storesTables(C config) {
    return false;
  }
}
