package io.github.peft4j.transformer;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The model families that can be loaded. */
final class Families {

  /** Llama 1 to 3.3 and what shares its layout (Touvron et al. 2023, arXiv:2302.13971). */
  static final Family LLAMA = Family.decoder("llama", spec -> {});

  /** BERT and its sentence encoders (Devlin et al. 2018, arXiv:1810.04805). */
  static final Family BERT =
      Family.decoder(
          "bert",
          spec -> {
            spec.className = "Bert";
            spec.body = "bert";
            spec.causal = false;
            spec.tokens = "embeddings.word_embeddings";
            spec.positions = "embeddings.position_embeddings";
            spec.types = "embeddings.token_type_embeddings";
            spec.embeddingNorm = "embeddings.LayerNorm";
            spec.layers = "encoder.layer";
            spec.rms = false;
            spec.epsilon = "layer_norm_eps";
            spec.placement = Family.NormPlacement.POST;
            spec.attention = "attention.self";
            spec.projections = List.of("query", "key", "value");
            spec.attentionOutput = "attention.output.dense";
            spec.attentionNorms = List.of("attention.output.LayerNorm");
            spec.rotary = false;
            spec.gate = null;
            spec.up = "intermediate.dense";
            spec.down = "output.dense";
            spec.feedForwardNorms = List.of("output.LayerNorm");
            spec.usualActivation = "gelu";
            spec.finalNorm = null;
            spec.usualTask = Task.Type.SEQ_CLS;
            spec.pooler = "pooler.dense";
            spec.classifier = "classifier";
            spec.hiddenDropout = "hidden_dropout_prob";
            spec.attentionDropout = "attention_probs_dropout_prob";
          });

  private static final Map<String, Family> BY_TYPE = new TreeMap<>();

  static {
    for (Family family : List.of(LLAMA, BERT)) {
      BY_TYPE.put(family.modelType, family);
    }
  }

  private Families() {}

  /**
   * The family of a config.
   *
   * @throws UnsupportedModelException naming the supported types
   */
  static Family of(ModelConfig config) {
    String type = config.text("model_type", "");
    Family family = BY_TYPE.get(type);
    if (family == null) {
      throw new UnsupportedModelException(
          config.error("model_type", "'" + type + "'", "one of " + BY_TYPE.keySet()));
    }
    return family;
  }
}
