package io.github.peft4j.methods.common.sparse;

import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.TargetedConfig;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A config of a method that trains single entries of the model's tensors.
 *
 * @param <C> the config itself
 */
public interface SparseConfig<C extends SparseConfig<C>> extends TargetedConfig<C> {

  /** Modules to leave out of the targets, or null for none. */
  @Nullable TargetModules excludeModules();

  /**
   * The number of trained entries by the name of their tensor; empty until entries are chosen.
   * Files do not hold it: their tensors have these sizes.
   */
  Map<String, Integer> entries();

  /** A copy with these numbers of trained entries. */
  C entries(Map<String, Integer> entries);
}
