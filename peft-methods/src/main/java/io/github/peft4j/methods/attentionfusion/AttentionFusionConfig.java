package io.github.peft4j.methods.attentionfusion;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of attention fusion (Cao et al. 2022, Findings of NAACL, paper 64).
 *
 * @param dropout probability with which an element of a normalised state is dropped in training, 0
 *     or more and below 1; 0.1
 * @param includeEmbeddings whether the embedded tokens, which enter the first layer, are among the
 *     states
 * @param modulesToSave modules that are fully trained and saved with the adapter, or null for none
 */
@Withers
public record AttentionFusionConfig(
    double dropout, boolean includeEmbeddings, @Nullable List<String> modulesToSave)
    implements PeftConfig, AttentionFusionConfigWithers {

  /** Checks the values. */
  public AttentionFusionConfig {
    Configs.check(AttentionFusionConfig.class)
        .that(dropout >= 0 && dropout < 1, "dropout", dropout, "0 or more, and below 1");
  }

  /** The defaults. */
  public static AttentionFusionConfig defaults() {
    return Configs.withDefaults(AttentionFusionConfig.class);
  }
}
