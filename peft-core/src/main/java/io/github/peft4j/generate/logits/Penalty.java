package io.github.peft4j.generate.logits;

import ai.djl.ndarray.NDArray;
import java.util.List;

/**
 * The repetition penalty of CTRL (Keskar et al. 2019, arXiv:1909.05858): logits of some tokens are
 * divided by a number, or multiplied by it if below 0.
 */
record Penalty(Ban tokens, double penalty) implements LogitsProcessor {

  @Override
  public NDArray process(List<Draft> drafts, NDArray logits) {
    return Places.of(drafts, logits, tokens).penalize(penalty);
  }
}
