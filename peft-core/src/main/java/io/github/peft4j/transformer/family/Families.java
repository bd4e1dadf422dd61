package io.github.peft4j.transformer.family;

import io.github.peft4j.transformer.block.Activation;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import io.github.peft4j.transformer.family.Family.Layout;
import io.github.peft4j.transformer.family.HeadSpec.Pooling;
import io.github.peft4j.transformer.family.HeadSpec.Step;
import io.github.peft4j.transformer.family.StackSpec.AttentionSpec;
import io.github.peft4j.transformer.family.StackSpec.BranchSpec;
import io.github.peft4j.transformer.family.StackSpec.DropoutSpec;
import io.github.peft4j.transformer.family.StackSpec.EmbeddingSpec;
import io.github.peft4j.transformer.family.StackSpec.FeedForwardSpec;
import io.github.peft4j.transformer.family.StackSpec.NormSpec;
import io.github.peft4j.transformer.family.StackSpec.PositionSpec;
import io.github.peft4j.transformer.family.StackSpec.SizeSpec;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/** The supported model families. */
final class Families {

  /** Llama 1 to 3.3 and models with the same layout (Touvron et al. 2023, arXiv:2302.13971). */
  static final Family LLAMA = Family.of("llama", Families::llamaHeads);

  private static final String ABSOLUTE = "absolute";

  /** BERT and its sentence encoders (Devlin et al. 2018, arXiv:1810.04805). */
  static final Family BERT =
      Family.of(
          "bert",
          Families::bertHeads,
          (spec, config) -> {
            spec.causal = config.flag("is_decoder", false);
            config.require("add_cross_attention", config.flag("add_cross_attention", false), false);
            config.require(
                "position_embedding_type",
                config.text("position_embedding_type", ABSOLUTE),
                ABSOLUTE);
            spec.embedding =
                EmbeddingSpec.of("embeddings.word_embeddings")
                    .withTypes("embeddings.token_type_embeddings")
                    .normed("embeddings.LayerNorm");
            spec.positions =
                new PositionSpec.Learned(
                    "embeddings.position_embeddings", "max_position_embeddings", 0);
            spec.layers = "encoder.layer";
            spec.norm = NormSpec.layerNorm("layer_norm_eps", 1e-12);
            spec.attention =
                new AttentionSpec(
                    "attention.self",
                    List.of("query", "key", "value"),
                    "attention.output.dense",
                    BranchSpec.normedAfter("attention.output.LayerNorm"));
            spec.feedForward =
                FeedForwardSpec.plain(
                    "intermediate.dense",
                    "output.dense",
                    BranchSpec.normedAfter("output.LayerNorm"));
            spec.finalNorm = null;
            spec.dropout = DropoutSpec.of("hidden_dropout_prob", "attention_probs_dropout_prob");
          });

  /** GPT-2, whose linear weights are transposed (Radford et al. 2019). */
  static final Family GPT2 =
      Family.of(
          "gpt2",
          Families::gpt2Heads,
          (spec, config) -> {
            config.require("add_cross_attention", config.flag("add_cross_attention", false), false);
            spec.sizes = new SizeSpec("n_embd", "n_layer", "n_head", "head_dim", "n_inner");
            spec.embedding = EmbeddingSpec.of("wte");
            String entries = config.has("n_positions") ? "n_positions" : "max_position_embeddings";
            spec.positions = new PositionSpec.Learned("wpe", entries, 0);
            spec.layers = "h";
            spec.norm = NormSpec.layerNorm("layer_norm_epsilon", 1e-5);
            spec.attention =
                new AttentionSpec(
                        "attn", List.of("c_attn"), "attn.c_proj", BranchSpec.normedBefore("ln_1"))
                    .scaled(gpt2Scale(config));
            spec.feedForward =
                FeedForwardSpec.plain("mlp.c_fc", "mlp.c_proj", BranchSpec.normedBefore("ln_2"))
                    .activated("activation_function", "gelu_new");
            spec.finalNorm = "ln_f";
            spec.transposed = true;
            spec.dropout = new DropoutSpec("embd_pdrop", "attn_pdrop", null, "resid_pdrop", null);
          });

  /**
   * The factors 1/√d and 1/(layer + 1), each if the config sets it. {@code reorder_and_upcast_attn}
   * asks for scores in 32 bits. PyTorch's fused attention has them anyway, so only rounding
   * differs.
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
          Families::t5Heads,
          t5("encoder", "num_layers")
              .then(
                  (spec, config) -> {
                    spec.causal = false;
                    spec.feedForward = t5FeedForward("layer.1.", config);
                  }),
          t5("decoder", "num_decoder_layers")
              .then(
                  (spec, config) -> {
                    spec.crossAttention = t5Attention("layer.1.", "EncDecAttention");
                    spec.feedForward = t5FeedForward("layer.2.", config);
                  }));

  private static Layout t5(String stack, String depth) {
    return (spec, config) -> {
      spec.name = stack;
      spec.sizes =
          new SizeSpec(
              "d_model", config.has(depth) ? depth : "num_layers", "num_heads", "d_kv", "d_ff");
      spec.embedding = EmbeddingSpec.of("shared").alsoNamed(stack + ".embed_tokens");
      spec.positions =
          new PositionSpec.Relative(
              stack + ".block.0.layer.0.SelfAttention.relative_attention_bias");
      spec.layers = stack + ".block";
      spec.norm = NormSpec.rms("layer_norm_epsilon");
      spec.attention = t5Attention("layer.0.", "SelfAttention");
      spec.finalNorm = stack + ".final_layer_norm";
      spec.dropout = DropoutSpec.everywhere("dropout_rate");
      spec.superfluous =
          List.of(
              stack + ".embed_tokens.weight",
              "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight");
    };
  }

  private static AttentionSpec t5Attention(String layer, String name) {
    String module = layer + name;
    return new AttentionSpec(module, List.of("q", "k", "v"), module + ".o", t5Branch(layer))
        .scaled(index -> 1.0);
  }

  private static FeedForwardSpec t5FeedForward(String layer, ModelConfig config) {
    String module = layer + "DenseReluDense.";
    String kind = config.text("feed_forward_proj", "relu");
    String down = module + "wo";
    return (kind.startsWith("gated-")
            ? FeedForwardSpec.gated(module + "wi_0", module + "wi_1", down, t5Branch(layer))
            : FeedForwardSpec.plain(module + "wi", down, t5Branch(layer)))
        .activated(
            "dense_act_fn", kind.equals("gated-gelu") ? "gelu_new" : kind.replace("gated-", ""));
  }

  private static BranchSpec t5Branch(String layer) {
    return BranchSpec.normedBefore(layer + "layer_norm");
  }

  private static Heads llamaHeads(ModelConfig config) {
    return Heads.of(
        "Llama",
        "model",
        HeadSpec.languageModel(Task.Type.CAUSAL_LM, "lm_head"),
        HeadSpec.sequenceClassifier(Pooling.LAST, "score", false),
        HeadSpec.tokenClassifier(
            "score", Heads.dropout(config, 0.1, "classifier_dropout", "hidden_dropout")));
  }

  private static Heads bertHeads(ModelConfig config) {
    double dropout = Heads.dropout(config, 0.1, "classifier_dropout", "hidden_dropout_prob");
    return Heads.of(
        "Bert",
        "bert",
        HeadSpec.sequenceClassifier(
            Pooling.FIRST,
            "classifier",
            true,
            new Step.Dense("bert.pooler.dense"),
            new Step.Activate(Activation.TANH),
            new Step.Dropout(dropout)),
        HeadSpec.tokenClassifier("classifier", dropout));
  }

  private static Heads gpt2Heads(ModelConfig config) {
    return Heads.of(
        "GPT2",
        "transformer",
        HeadSpec.languageModel(Task.Type.CAUSAL_LM, "lm_head").named("LMHeadModel"),
        HeadSpec.sequenceClassifier(Pooling.LAST, "score", false),
        HeadSpec.tokenClassifier(
            "classifier", Heads.dropout(config, 0.1, "classifier_dropout", "hidden_dropout")));
  }

  private static Heads t5Heads(ModelConfig config) {
    boolean tied = config.flag("tie_word_embeddings", true);
    boolean scaled = config.flag("scale_decoder_outputs", tied);
    return Heads.of(
        "T5",
        "",
        HeadSpec.languageModel(Task.Type.SEQ_2_SEQ_LM, "lm_head")
            .scaled(scaled ? 1 / Math.sqrt(config.size("d_model")) : 1));
  }

  private static final Map<String, Family> BY_TYPE = new TreeMap<>();

  static {
    for (Family family : List.of(LLAMA, BERT, GPT2, T5)) {
      BY_TYPE.put(family.modelType, family);
    }
  }

  private Families() {}

  /**
   * The family of a config, by its {@code model_type}.
   *
   * @throws UnsupportedModelException if the type is not supported; the message lists those that
   *     are
   */
  static Family of(ModelConfig config) {
    String type = config.text("model_type", "");
    Family family = BY_TYPE.get(type);
    if (family == null) {
      throw new UnsupportedModelException(
          config.error(
              "model_type",
              "'" + type + "'",
              "one of "
                  + BY_TYPE.keySet()
                  + (config.has("auto_map")
                      ? "; the model has code of its own (auto_map), which is not run"
                      : "")));
    }
    return family;
  }
}
