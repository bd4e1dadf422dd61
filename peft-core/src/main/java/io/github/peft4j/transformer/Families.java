package io.github.peft4j.transformer;

import io.github.peft4j.transformer.Family.Layout;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/** The model families that can be loaded. */
final class Families {

  /** Llama 1 to 3.3 and what shares its layout (Touvron et al. 2023, arXiv:2302.13971). */
  static final Family LLAMA = Family.of("llama");

  /** What BERT and GPT-2 share: norms with mean and bias, positions that rotate nothing. */
  private static final Layout CLASSIC =
      (spec, config) -> {
        spec.rms = false;
        spec.rotary = false;
        spec.tokenClassifier = "classifier";
      };

  /** A feed-forward network without a gate. */
  private static Layout plainFeedForward(String up, String down, String norm) {
    return (spec, config) -> {
      spec.gate = null;
      spec.up = up;
      spec.down = down;
      spec.feedForwardNorms = List.of(norm);
    };
  }

  /** BERT and its sentence encoders (Devlin et al. 2018, arXiv:1810.04805). */
  static final Family BERT =
      Family.of(
          "bert",
          CLASSIC,
          plainFeedForward("intermediate.dense", "output.dense", "output.LayerNorm"),
          (spec, config) -> {
            spec.className = "Bert";
            spec.body = "bert";
            spec.causal = false;
            spec.tokens = "embeddings.word_embeddings";
            spec.positions = "embeddings.position_embeddings";
            spec.types = "embeddings.token_type_embeddings";
            spec.embeddingNorm = "embeddings.LayerNorm";
            spec.layers = "encoder.layer";
            spec.epsilon = "layer_norm_eps";
            spec.placement = StackSpec.NormPlacement.POST;
            spec.attention = "attention.self";
            spec.projections = List.of("query", "key", "value");
            spec.attentionOutput = "attention.output.dense";
            spec.attentionNorms = List.of("attention.output.LayerNorm");
            spec.attentionAdapters = "attention.output.adapters";
            spec.feedForwardAdapters = "output.adapters";
            spec.usualActivation = "gelu";
            spec.finalNorm = null;
            spec.usualTask = Task.Type.SEQ_CLS;
            spec.pooler = "pooler.dense";
            spec.classifier = "classifier";
            spec.hiddenDropout = "hidden_dropout_prob";
            spec.attentionDropout = "attention_probs_dropout_prob";
          });

  /** GPT-2, whose linear weights are transposed (Radford et al. 2019). */
  static final Family GPT2 =
      Family.of(
          "gpt2",
          CLASSIC,
          plainFeedForward("mlp.c_fc", "mlp.c_proj", "ln_2"),
          (spec, config) -> {
            spec.className = "GPT2";
            spec.languageModelName = "LMHeadModel";
            spec.body = "transformer";
            spec.hiddenSize = "n_embd";
            spec.depth = "n_layer";
            spec.heads = "n_head";
            spec.intermediateSize = "n_inner";
            spec.tokens = "wte";
            spec.positions = "wpe";
            spec.layers = "h";
            spec.epsilon = "layer_norm_epsilon";
            spec.attention = "attn";
            spec.projections = List.of("c_attn");
            spec.attentionOutput = "attn.c_proj";
            spec.attentionNorms = List.of("ln_1");
            spec.scale = gpt2Scale(config);
            spec.transposed = true;
            spec.activation = "activation_function";
            spec.usualActivation = "gelu_new";
            spec.finalNorm = "ln_f";
            spec.hiddenDropout = "resid_pdrop";
            spec.attentionDropout = "attn_pdrop";
          });

  /**
   * 1/√d and 1/(layer + 1), each if the config says so. {@code reorder_and_upcast_attn} asks for
   * scores in 32 bits, which PyTorch's fused attention keeps anyway: it changes rounding alone.
   */
  private static IntFunction<@Nullable Double> gpt2Scale(ModelConfig config) {
    config.flag("reorder_and_upcast_attn", false);
    boolean byDepth = config.flag("scale_attn_by_inverse_layer_idx", false);
    double head = (double) config.size("n_embd") / config.size("n_head");
    double scale = config.flag("scale_attn_weights", true) ? 1 / Math.sqrt(head) : 1;
    return layer -> byDepth ? scale / (layer + 1) : scale;
  }

  /** T5, plain and gated (Raffel et al. 2019, arXiv:1910.10683; Shazeer 2020). */
  static final Family T5 =
      Family.encoderDecoder(
          "t5",
          t5("encoder", "num_layers")
              .then(t5FeedForward("layer.1."))
              .then((spec, config) -> spec.causal = false),
          t5("decoder", "num_decoder_layers")
              .then(t5FeedForward("layer.2."))
              .then(
                  (spec, config) -> {
                    spec.crossAttention = "layer.1.EncDecAttention";
                    spec.crossAttentionOutput = "layer.1.EncDecAttention.o";
                    spec.crossAttentionNorms = List.of("layer.1.layer_norm");
                    spec.crossAttentionAdapters = "layer.1.adapters";
                    spec.usualTask = Task.Type.SEQ_2_SEQ_LM;
                    boolean tied = config.flag("tie_word_embeddings", true);
                    if (config.flag("scale_decoder_outputs", tied)) {
                      spec.outputScale = 1 / Math.sqrt(config.size("d_model"));
                    }
                  }));

  private static Layout t5(String stack, String depth) {
    return (spec, config) -> {
      spec.className = "T5";
      spec.body = "";
      spec.name = stack;
      spec.hiddenSize = "d_model";
      spec.depth = config.has(depth) ? depth : "num_layers";
      spec.heads = "num_heads";
      spec.headDimension = "d_kv";
      spec.intermediateSize = "d_ff";
      spec.tokens = "shared";
      spec.ownTokens = stack + ".embed_tokens";
      spec.rotary = false;
      spec.relativePositions = stack + ".block.0.layer.0.SelfAttention.relative_attention_bias";
      spec.layers = stack + ".block";
      spec.epsilon = "layer_norm_epsilon";
      spec.attention = "layer.0.SelfAttention";
      spec.projections = List.of("q", "k", "v");
      spec.attentionOutput = "layer.0.SelfAttention.o";
      spec.attentionNorms = List.of("layer.0.layer_norm");
      spec.attentionAdapters = "layer.0.adapters";
      spec.scale = layer -> 1.0;
      spec.finalNorm = stack + ".final_layer_norm";
      spec.hiddenDropout = "dropout_rate";
      spec.attentionDropout = "dropout_rate";
      spec.feedForwardDropout = "dropout_rate";
      spec.finalDropout = "dropout_rate";
      spec.superfluous =
          List.of(
              stack + ".embed_tokens.weight",
              "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight");
    };
  }

  private static Layout t5FeedForward(String layer) {
    String module = layer + "DenseReluDense.";
    Layout plain = plainFeedForward(module + "wi", module + "wo", layer + "layer_norm");
    Layout gates =
        (spec, config) -> {
          spec.gate = module + "wi_0";
          spec.up = module + "wi_1";
        };
    return (spec, config) -> {
      String kind = config.text("feed_forward_proj", "relu");
      boolean gated = kind.startsWith("gated-");
      (gated ? plain.then(gates) : plain).describe(spec, config);
      spec.feedForwardAdapters = layer + "adapters";
      spec.activation = "dense_act_fn";
      spec.usualActivation = kind.equals("gated-gelu") ? "gelu_new" : kind.replace("gated-", "");
    };
  }

  private static final Map<String, Family> BY_TYPE = new TreeMap<>();

  static {
    for (Family family : List.of(LLAMA, BERT, GPT2, T5)) {
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
