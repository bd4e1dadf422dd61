package io.github.peft4j.methods.pasta;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of PASTA (Yang et al. 2023, arXiv:2210.04382). Names are those of the authors' code,
 * where it has them.
 *
 * @param numSpecialTokens the number of special tokens of a text that have vectors, 1 or more; by
 *     default 3, those of a pair of texts: {@code [CLS] A [SEP] B [SEP]}
 * @param specialTokenIds the ids of special tokens; null for those that the tokenizer adds to a
 *     text. Of a decoder this is its beginning-of-text token
 * @param initializerRange the deviation of the initial vectors, 0 or more; 0.02 as in BERT
 * @param dropout probability of the vectors' dropout, 0 or more and below 1; 0.1, BERT's own, which
 *     the authors' code applies
 * @param layersToTransform the layers that get vectors, by index from 0; null for all
 * @param modulesToSave modules that are fully trained and saved with the adapter, or null for none
 */
@Withers
public record PastaConfig(
    int numSpecialTokens,
    @Nullable List<Integer> specialTokenIds,
    double initializerRange,
    double dropout,
    @Nullable List<Integer> layersToTransform,
    @Nullable List<String> modulesToSave)
    implements PeftConfig, PastaConfigWithers {

  /** Checks the values. */
  public PastaConfig {
    Configs.check(PastaConfig.class)
        .positive("num_special_tokens", numSpecialTokens)
        .that(
            specialTokenIds == null
                || (!specialTokenIds.isEmpty() && specialTokenIds.stream().allMatch(i -> i >= 0)),
            "special_token_ids",
            specialTokenIds,
            "ids of 0 or more, or null for those of the tokenizer")
        .notNegative("initializer_range", initializerRange)
        .probability("dropout", dropout);
  }

  /** The defaults. */
  public static PastaConfig defaults() {
    return Configs.withDefaults(PastaConfig.class);
  }
}
