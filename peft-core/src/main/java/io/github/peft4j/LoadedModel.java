package io.github.peft4j;

import io.github.peft4j.adapter.BaseModelOrigin;
import io.github.peft4j.chat.ChatTemplate;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.embed.EmbeddingSettings;
import io.github.peft4j.embed.Pooling;
import io.github.peft4j.transformer.TransformerModel;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A frozen model with its tokenizer and origin, as a DJL block. */
abstract class LoadedModel extends ModelBlock implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(LoadedModel.class);

  private final TransformerModel base;
  private final @Nullable Tokenizer tokenizer;
  private final BaseModelOrigin origin;
  private final boolean given;
  private volatile @Nullable EmbeddingSettings embeddings;
  private volatile @Nullable ChatTemplate chatTemplate;

  /**
   * Wraps a model.
   *
   * @param tokenizer of the model, or null; closed with the model
   * @param embeddings how states become vectors of texts; null for what the model's folder says
   */
  LoadedModel(
      TransformerModel base,
      @Nullable Tokenizer tokenizer,
      BaseModelOrigin origin,
      @Nullable EmbeddingSettings embeddings) {
    this.base = addChildBlock("base", base);
    this.tokenizer = tokenizer;
    this.origin = origin;
    this.embeddings = embeddings;
    this.given = embeddings != null;
  }

  @Override
  public EmbeddingSettings embeddingSettings() {
    EmbeddingSettings known = embeddings;
    if (known == null) {
      known = Optional.ofNullable(origin.folder()).flatMap(EmbeddingSettings::read).orElse(null);
      if (known == null) {
        LOG.warn(
            "{} has no modules.json: the vector of a text is the mean of its tokens' states",
            origin());
        known = EmbeddingSettings.of(Pooling.MEAN);
      }
      embeddings = known;
    }
    return known;
  }

  @Override
  public ChatTemplate chatTemplate() {
    ChatTemplate known = chatTemplate;
    if (known == null) {
      known =
          ChatTemplate.find(tokenizer())
              .orElseThrow(
                  () ->
                      new IllegalStateException(
                          origin()
                              + " has no chat template: neither chat_template.jinja nor the field"
                              + " chat_template in tokenizer_config.json, nor, in a GGUF file,"
                              + " tokenizer.chat_template. Write one into chat_template.jinja in"
                              + " the model's folder"));
      chatTemplate = known;
    }
    return known;
  }

  /**
   * The settings that a saved model has to name: those that it was loaded with, or those that its
   * texts were embedded with, if its folder does not name any.
   *
   * @return null if the folder's own files say them, or nobody has asked for vectors
   */
  final @Nullable EmbeddingSettings embeddingsToSave() {
    Path folder = origin.folder();
    boolean said = !given && folder != null && EmbeddingSettings.isIn(folder);
    return said || !base.task().labels().isEmpty() ? null : embeddings;
  }

  /** How states become vectors of texts, if the model's folder or its user says so; or null. */
  final @Nullable EmbeddingSettings embeddingsOfTexts() {
    Path folder = origin.folder();
    boolean said = given || (folder != null && EmbeddingSettings.isIn(folder));
    return said ? embeddingSettings() : embeddings;
  }

  /** The frozen model. */
  @Override
  public TransformerModel base() {
    return base;
  }

  /**
   * The tokenizer.
   *
   * @throws IllegalStateException if the model was loaded without one
   */
  @Override
  public Tokenizer tokenizer() {
    if (tokenizer == null) {
      throw new IllegalStateException(
          origin() + " has no tokenizer.json; add it to the folder to use texts");
    }
    return tokenizer;
  }

  /** Texts with tokens that the model's tables lack are refused, see {@link Tokenizer#limitTo}. */
  final void limitTokenizer(int rows) {
    if (tokenizer != null) {
      tokenizer.limitTo(rows);
    }
  }

  /** The folder or the name that the frozen model was loaded from. */
  public String origin() {
    return origin.name();
  }

  /**
   * The SHA-256 fingerprint of the frozen weights in 64 hexadecimal digits, see {@link
   * io.github.peft4j.io.TensorHash}. The first call reads all weights; later calls return the same
   * value.
   *
   * @return the fingerprint, or null after {@link PeftModel#mergeAndUnload}, when the weights are
   *     no longer those of the files
   */
  public @Nullable String baseSha256() {
    return origin.sha256();
  }

  @Override
  public void close() {
    base.close();
    if (tokenizer != null) {
      tokenizer.close();
    }
  }
}
