package io.github.peft4j.methods.cpt;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.prompt.PromptConfig;
import io.github.peft4j.methods.common.prompt.VirtualTokens;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of CPT, context-aware prompt tuning (Blau et al. 2024, arXiv:2410.17222), with the names
 * and defaults of Hugging Face PEFT's CPTConfig.
 *
 * <p>A type says what a token of the prompt is. The types of the first example are 1 for the text
 * before its input, 2 for its input, 3 for the text between input and label, 4 for its label; those
 * of the next example are 5 to 8, and so on. Type 0 is none of these. {@link CptContext} makes ids
 * and types out of texts.
 *
 * @param tokens the shape of the model. The number of virtual tokens is that of the ids
 * @param cptTokenIds the tokens of the prompt, 1 or more
 * @param cptMask a number for each token, or null for ones. Hugging Face PEFT saves it and does not
 *     use it; nor does this library
 * @param cptTokensTypeMask the type of each token, 0 or more; null for 1 each
 * @param optWeightedLossType how labels of the prompt are weighted; {@code NONE}
 * @param optLossDecayFactor what the weight of an example's labels is multiplied with for each
 *     example between it and the text, and once more; 1. For {@link LossWeighting#DECAY}
 * @param optProjectionEpsilon how far a token of an input may move: by this length, times √(d /
 *     2048) for vectors of length d; 0.1
 * @param optProjectionFormatEpsilon the same of the text around inputs; 0.1
 * @param tokenizerNameOrPath the tokenizer of the ids, for the record; or null
 */
@Withers
public record CptConfig(
    VirtualTokens tokens,
    List<Integer> cptTokenIds,
    @Nullable List<Integer> cptMask,
    @Nullable List<Integer> cptTokensTypeMask,
    LossWeighting optWeightedLossType,
    double optLossDecayFactor,
    double optProjectionEpsilon,
    double optProjectionFormatEpsilon,
    @Nullable String tokenizerNameOrPath)
    implements PromptConfig<CptConfig>, CptConfigWithers {

  /** Checks the values. */
  public CptConfig {
    int n = cptTokenIds.size();
    Configs.check(CptConfig.class)
        .that(
            n > 0 && cptTokenIds.stream().allMatch(id -> id >= 0),
            "cpt_token_ids",
            cptTokenIds,
            "ids of 0 or more, at least one")
        .that(fits(cptMask, n), "cpt_mask", cptMask, aNumberForEach(n))
        .that(
            fits(cptTokensTypeMask, n)
                && (cptTokensTypeMask == null
                    || cptTokensTypeMask.stream().allMatch(type -> type >= 0)),
            "cpt_tokens_type_mask",
            cptTokensTypeMask,
            aNumberForEach(n) + ", each 0 or more")
        .notNegative("opt_loss_decay_factor", optLossDecayFactor)
        .positive("opt_projection_epsilon", optProjectionEpsilon)
        .positive("opt_projection_format_epsilon", optProjectionFormatEpsilon);
  }

  private static boolean fits(@Nullable List<Integer> values, int n) {
    return values == null || values.size() == n;
  }

  private static String aNumberForEach(int n) {
    return "null or " + n + " numbers, one for each of cpt_token_ids";
  }

  /** PEFT's default for each field of {@code adapter_config.json}: a prompt of token 0. */
  public static CptConfig defaults() {
    return Configs.withDefaults(CptConfig.class);
  }

  /**
   * PEFT's defaults with a prompt.
   *
   * @param ids of its tokens
   * @param types of its tokens
   */
  public static CptConfig of(List<Integer> ids, List<Integer> types) {
    return defaults().cptTokenIds(ids).cptTokensTypeMask(types);
  }

  /** The type of each token. */
  List<Integer> types() {
    return cptTokensTypeMask == null ? ones() : cptTokensTypeMask;
  }

  /** This config as PEFT completes it. */
  CptConfig withMasks() {
    return cptMask(cptMask == null ? ones() : cptMask)
        .cptTokensTypeMask(types())
        .numVirtualTokens(cptTokenIds.size());
  }

  private List<Integer> ones() {
    return cptTokenIds.stream().map(id -> 1).toList();
  }
}
