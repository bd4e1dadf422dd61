package io.github.peft4j.methods.selective;

import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of selective tuning. Hugging Face PEFT has no such method.
 *
 * <pre>{@code
 * SelectiveConfig.of(Select.topLayers(2).plus(Select.head()))
 * }</pre>
 *
 * @param select the tensors that are trained
 * @param modulesToSave further modules to train, or null for none
 */
@Withers
public record SelectiveConfig(Select select, @Nullable List<String> modulesToSave)
    implements PeftConfig, SelectiveConfigWithers {

  /** Trains these tensors. */
  public static SelectiveConfig of(Select select) {
    return new SelectiveConfig(select, null);
  }

  /** The two top layers and the head: FT-top2 of the papers on adapters. */
  public static SelectiveConfig topTwo() {
    return of(Select.topLayers(2).plus(Select.head()));
  }

  /**
   * A decoder's attention over its encoder (Gheini et al. 2021, arXiv:2104.08771). If the model is
   * to learn a new source or target language, its embeddings are trained too: {@link
   * #crossAttentionAndSource} and {@link #crossAttentionAndTarget}.
   */
  public static SelectiveConfig crossAttention() {
    return of(Select.crossAttention());
  }

  /** The same, and the encoder's embeddings: the paper's {@code src + xattn}. */
  public static SelectiveConfig crossAttentionAndSource() {
    return of(Select.crossAttention().plus(Select.embeddings().within(Select.encoder())));
  }

  /** The same, and the decoder's embeddings: the paper's {@code tgt + xattn}. */
  public static SelectiveConfig crossAttentionAndTarget() {
    return of(Select.crossAttention().plus(Select.embeddings().within(Select.decoder())));
  }
}
