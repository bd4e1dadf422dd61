package io.github.peft4j.methods.pruning;

import io.github.peft4j.adapter.layout.PeftLayout;
import io.github.peft4j.io.DType;
import io.github.peft4j.tuner.site.Rewrite;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The file layout of pruned weights: the name of each followed by {@code .values} and {@code
 * .kept}. How many are kept is read off them.
 */
public final class PruningLayout implements PeftLayout<PruningConfig> {

  @Override
  public Set<String> types() {
    return Set.of("PRUNING");
  }

  @Override
  public PruningConfig asStored(PruningConfig config, Map<String, long[]> shapes) {
    Map<String, Integer> entries = new LinkedHashMap<>();
    shapes.forEach(
        (name, shape) -> {
          if (name.startsWith(prefix()) && name.endsWith(KeptWeight.VALUES) && shape.length == 1) {
            int end = name.length() - KeptWeight.VALUES.length();
            entries.put(name.substring(prefix().length(), end), (int) shape[0]);
          }
        });
    return config.entries(entries);
  }

  @Override
  public PruningConfig trained(PruningConfig config, List<Rewrite> layers) {
    return config.entries(Map.of());
  }

  @Override
  public boolean storesTables(PruningConfig config) {
    return false;
  }

  /** Bits are in bytes. */
  @Override
  public DType integers(PruningConfig config) {
    return DType.U8;
  }
}
