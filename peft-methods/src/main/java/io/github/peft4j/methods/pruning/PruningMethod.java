package io.github.peft4j.methods.pruning;

import io.github.peft4j.config.JsonChoice;

/** What decides which weights are kept: {@code pruning_method}. */
public enum PruningMethod implements JsonChoice {
  /** Movement pruning: those with the highest scores. */
  TOP_K("topK"),
  /** Soft movement pruning: those whose score's sigmoid is above the threshold. */
  SIGMOIED_THRESHOLD("sigmoied_threshold"),
  /** Magnitude pruning: the largest ones. There are no scores. */
  MAGNITUDE("magnitude"),
  /** Those whose hard-concrete gate is open (Louizos et al. 2018, arXiv:1712.01312). */
  L0("l0");

  private final String json;

  PruningMethod(String json) {
    this.json = json;
  }

  @Override
  public Object json() {
    return json;
  }
}
