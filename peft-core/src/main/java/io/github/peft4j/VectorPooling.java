package io.github.peft4j;

import io.github.peft4j.embed.EmbeddingSettings;
import io.github.peft4j.embed.Pooling;
import io.github.peft4j.gguf.GgufPooling;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What a GGUF file says about the vectors of texts, both ways. */
final class VectorPooling {

  private static final Logger LOG = LoggerFactory.getLogger(VectorPooling.class);

  private VectorPooling() {}

  /** The settings of a file. Vectors have length 1, as those that llama.cpp and Ollama hand out. */
  static Optional<EmbeddingSettings> settings(GgufPooling stored) {
    Pooling pooling =
        switch (stored) {
          case UNSAID -> null;
          case MEAN -> Pooling.MEAN;
          case CLS -> Pooling.CLS;
          case LAST -> Pooling.LAST_TOKEN;
        };
    return Optional.ofNullable(pooling).map(of -> EmbeddingSettings.of(of).normalized(true));
  }

  /**
   * What a new file says.
   *
   * @param settings null if nobody has said any
   * @param source the model's name in errors
   * @throws IllegalArgumentException if llama.cpp cannot compute such vectors
   */
  static GgufPooling stored(@Nullable EmbeddingSettings settings, String source) {
    if (settings == null) {
      LOG.warn(
          "{}: the GGUF file does not say how states become the vector of a text, as the model has"
              + " no modules.json. Load it with embeddings(EmbeddingSettings.of(…)) to say it",
          source);
      return GgufPooling.UNSAID;
    }
    if (!settings.dense().isEmpty()) {
      throw new IllegalArgumentException(
          ("%s: its vectors go through %d dense layers, which a GGUF file cannot have; expected"
                  + " none. Export it with saveOnnx")
              .formatted(source, settings.dense().size()));
    }
    if (!settings.prompt().isEmpty()) {
      LOG.warn(
          "{}: texts get the prompt '{}' in front. A GGUF file cannot say it: put it in front of"
              + " texts for llama.cpp yourself",
          source,
          settings.prompt());
    }
    return switch (settings.pooling()) {
      case MEAN -> GgufPooling.MEAN;
      case CLS -> GgufPooling.CLS;
      case LAST_TOKEN -> GgufPooling.LAST;
    };
  }
}
