package io.github.peft4j.method;

import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.config.TargetModules;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A method whose layers on linear maps and embeddings are {@link io.github.peft4j.tuner.LowRank}:
 * it can hold any change of weights, up to its rank, and so a combination of adapters.
 */
public interface LowRankMethod<C extends PeftConfig> {

  /**
   * A config of layers with scale 1 and nothing besides.
   *
   * @param targets the modules
   * @param ranks the rank of each module, by its whole name
   * @param modulesToSave modules trained whole, or null
   */
  C ofRanks(
      TargetModules targets, Map<String, Integer> ranks, @Nullable List<String> modulesToSave);
}
