package io.github.peft4j.transformer;

import java.util.List;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * One stack of a model family as data: names of modules and of config fields, and which parts there
 * are. The values that stand here are Llama's.
 *
 * <p>Names of modules in a layer are below the layer's, others below the body's. {@link
 * StackBuilder} makes the stack out of it.
 */
final class StackSpec {

  /** Where norms stand in a layer. */
  enum NormPlacement {
    /** Before each branch: Llama, GPT-2. */
    PRE,
    /** After each sum: BERT. */
    POST,
    /** Before and after each branch: Gemma 2. */
    SANDWICH
  }

  /** What the family's classes in transformers begin with. */
  String className = "Llama";

  /** What the class with a language model's head ends with. */
  String languageModelName = "ForCausalLM";

  /** What stands before all names of the body in a checkpoint; empty for nothing. */
  String body = "model";

  /** What the stack is called, if not as the body. */
  @Nullable String name;

  boolean causal = true;
  String hiddenSize = "hidden_size";
  String depth = "num_hidden_layers";
  String heads = "num_attention_heads";
  String headDimension = "head_dim";
  String intermediateSize = "intermediate_size";

  String tokens = "embed_tokens";

  /** The whole name of the same table below the stack, where transformers has it there as well. */
  @Nullable String ownTokens;

  @Nullable String positions;
  int positionOffset;
  @Nullable String types;
  @Nullable String embeddingNorm;
  boolean rotary = true;

  /** The table of relative positions (T5). */
  @Nullable String relativePositions;

  String layers = "layers";
  boolean rms = true;
  String epsilon = "rms_norm_eps";
  NormPlacement placement = NormPlacement.PRE;

  String attention = "self_attn";
  List<String> projections = List.of("q_proj", "k_proj", "v_proj");
  String attentionOutput = "self_attn.o_proj";
  List<String> queryKeyNorm = List.of();
  List<String> attentionNorms = List.of("input_layernorm");

  /** What a layer's scores are multiplied by; null for 1/√d. */
  IntFunction<@Nullable Double> scale = layer -> null;

  /** Attention over an encoder's output, with projections named as those of self-attention. */
  @Nullable String crossAttention;

  String crossAttentionOutput = "";
  List<String> crossAttentionNorms = List.of();

  /** Whether linear weights are stored as [in, out]. */
  boolean transposed;

  @Nullable String gate = "mlp.gate_proj";
  String up = "mlp.up_proj";
  String down = "mlp.down_proj";
  boolean fusedGate;
  List<String> feedForwardNorms = List.of("post_attention_layernorm");

  /** Where AdapterHub's library puts adapters: its mixins. */
  String attentionAdapters = "attention_adapters.adapters";

  String crossAttentionAdapters = "";
  String feedForwardAdapters = "output_adapters.adapters";
  String activation = "hidden_act";
  String usualActivation = "silu";
  @Nullable String finalNorm = "norm";

  String output = "lm_head";

  /** What hidden states are multiplied by before the output. */
  double outputScale = 1;

  Task.Type usualTask = Task.Type.CAUSAL_LM;
  @Nullable String pooler;
  String classifier = "score";
  String tokenClassifier = "score";

  @Nullable String hiddenDropout;
  @Nullable String embeddingDropout;
  @Nullable String attentionDropout = "attention_dropout";
  @Nullable String feedForwardDropout;
  @Nullable String finalDropout;

  /** Tensors that older checkpoints hold besides and that the model does not need. */
  List<String> superfluous = List.of();

  /** The whole name of something named below the body. */
  String named(String name) {
    return body.isEmpty() ? name : body + "." + name;
  }

  /** The stack's name. */
  String name() {
    return name == null ? body : name;
  }
}
