package io.github.peft4j.method;

import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.config.TargetModules;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A method whose layers on linear maps and embeddings are {@link io.github.peft4j.tuner.LowRank}.
 * Its adapters can hold any change of weights up to their rank, so combinations are adapters of
 * such a method.
 */
public interface LowRankMethod<C extends PeftConfig> {

  /**
   * A config of layers with scale 1, without dropout or any other extra.
   *
   * @param targets the modules
   * @param ranks the rank of each module, by its full name
   * @param modulesToSave modules whose tensors are all trained, or null for none
   */
  C ofRanks(
      TargetModules targets, Map<String, Integer> ranks, @Nullable List<String> modulesToSave);
}
