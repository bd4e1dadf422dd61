package io.github.peft4j.transformer.family;

import java.util.List;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * One stack of a model family as data: its parts, and the names of modules and of config fields.
 * The initial values are Llama's; other families change them.
 *
 * <p>Names of modules in a layer are relative to the layer, other names to the body. {@link
 * StackBuilder} builds the stack.
 */
final class StackSpec {

  /** The prefix of the body's names, which the family's {@link Heads} know; empty for none. */
  final String body;

  /** The stack's name, if it differs from the body's; or null. */
  @Nullable String name;

  SizeSpec sizes =
      new SizeSpec(
          "hidden_size",
          "num_hidden_layers",
          "num_attention_heads",
          "head_dim",
          "intermediate_size");

  /** Whether a token attends only to itself and those before it. */
  boolean causal = true;

  EmbeddingSpec embedding = EmbeddingSpec.of("embed_tokens");
  PositionSpec positions = new PositionSpec.Rotary();

  /** The name of the list of layers. */
  String layers = "layers";

  NormSpec norm = NormSpec.rms("rms_norm_eps");

  AttentionSpec attention =
      new AttentionSpec(
          "self_attn",
          List.of("q_proj", "k_proj", "v_proj"),
          "self_attn.o_proj",
          BranchSpec.normedBefore("input_layernorm"));

  /** Cross-attention to an encoder's output, or null. */
  @Nullable AttentionSpec crossAttention;

  FeedForwardSpec feedForward =
      FeedForwardSpec.gated(
          "mlp.gate_proj",
          "mlp.up_proj",
          "mlp.down_proj",
          BranchSpec.normedBefore("post_attention_layernorm"));

  @Nullable String finalNorm = "norm";

  /** Whether linear weights of the layers are stored as [in, out]. */
  boolean transposed;

  DropoutSpec dropout = DropoutSpec.of(null, "attention_dropout");

  /** Tensors in older checkpoints that the model does not need. */
  List<String> superfluous = List.of();

  StackSpec(String body) {
    this.body = body;
  }

  /** The full name of a module, given its name below the body. */
  String named(String name) {
    return body.isEmpty() ? name : body + "." + name;
  }

  /** The stack's name. */
  String name() {
    return name == null ? body : name;
  }

  /**
   * The config fields of sizes.
   *
   * @param head field of a head's size; hidden / heads if the config lacks it
   * @param inner field of the feed-forward network's size; 4 · hidden if the config lacks it
   */
  record SizeSpec(String hidden, String depth, String heads, String head, String inner) {}

  /**
   * The embedding tables.
   *
   * @param ownTokens the token table's second full name, below the stack, if transformers has one
   * @param types the table of segments, or null
   * @param norm the norm of the sum, or null
   */
  record EmbeddingSpec(
      String tokens, @Nullable String ownTokens, @Nullable String types, @Nullable String norm) {

    static EmbeddingSpec of(String tokens) {
      return new EmbeddingSpec(tokens, null, null, null);
    }

    EmbeddingSpec alsoNamed(String ownTokens) {
      return new EmbeddingSpec(tokens, ownTokens, types, norm);
    }

    EmbeddingSpec withTypes(String types) {
      return new EmbeddingSpec(tokens, ownTokens, types, norm);
    }

    EmbeddingSpec normed(String norm) {
      return new EmbeddingSpec(tokens, ownTokens, types, norm);
    }
  }

  /** The kind of positions. */
  sealed interface PositionSpec {

    /** Rotary positions: queries and keys are rotated. */
    record Rotary() implements PositionSpec {}

    /**
     * Learned positions: a table's vectors are added to the tokens' vectors.
     *
     * @param entries the config field of the table's length
     * @param offset the table index of the first token's position
     */
    record Learned(String table, String entries, int offset) implements PositionSpec {}

    /** Relative positions: a table by distance is added to attention scores (T5). */
    record Relative(String table) implements PositionSpec {}
  }

  /**
   * The kind of all norms.
   *
   * @param rms whether it is an RMS norm, without mean and bias
   * @param epsilon the config field of epsilon
   * @param usual transformers' default, used if the config lacks the field
   */
  record NormSpec(boolean rms, String epsilon, double usual) {

    static NormSpec rms(String epsilon) {
      return new NormSpec(true, epsilon, 1e-6);
    }

    static NormSpec layerNorm(String epsilon, double usual) {
      return new NormSpec(false, epsilon, usual);
    }
  }

  /** The norms around a residual branch f: after(x + behind(f(before(x)))). */
  record BranchSpec(@Nullable String before, @Nullable String behind, @Nullable String after) {

    /** Llama, GPT-2, T5. */
    static BranchSpec normedBefore(String norm) {
      return new BranchSpec(norm, null, null);
    }

    /** BERT. */
    static BranchSpec normedAfter(String norm) {
      return new BranchSpec(null, null, norm);
    }
  }

  /**
   * One attention of a layer.
   *
   * @param module the name of the projections' parent module
   * @param projections names of the query, key and value projections, or of one fused projection
   * @param output name of the output projection, relative to the layer
   * @param scale factor of a layer's scores; null for 1/√d
   * @param queryKeyNorm names of the norms of query and key heads, relative to the module; or empty
   */
  record AttentionSpec(
      String module,
      List<String> projections,
      String output,
      BranchSpec branch,
      IntFunction<@Nullable Double> scale,
      List<String> queryKeyNorm) {

    AttentionSpec(String module, List<String> projections, String output, BranchSpec branch) {
      this(module, projections, output, branch, layer -> null, List.of());
    }

    AttentionSpec scaled(IntFunction<@Nullable Double> scale) {
      return new AttentionSpec(module, projections, output, branch, scale, queryKeyNorm);
    }
  }

  /**
   * The feed-forward network of a layer.
   *
   * @param gate name of the gate projection; null if there is none or it is fused
   * @param fusedGate whether {@code up} is a fused gate and up projection
   * @param activation the config field of the activation
   * @param usualActivation the default if the config lacks the field
   */
  record FeedForwardSpec(
      @Nullable String gate,
      String up,
      String down,
      boolean fusedGate,
      BranchSpec branch,
      String activation,
      String usualActivation) {

    static FeedForwardSpec gated(String gate, String up, String down, BranchSpec branch) {
      return new FeedForwardSpec(gate, up, down, false, branch, "hidden_act", "silu");
    }

    static FeedForwardSpec plain(String up, String down, BranchSpec branch) {
      return new FeedForwardSpec(null, up, down, false, branch, "hidden_act", "gelu");
    }

    FeedForwardSpec activated(String field, String usual) {
      return new FeedForwardSpec(gate, up, down, fusedGate, branch, field, usual);
    }
  }

  /**
   * The config fields of dropout probabilities; null for no dropout.
   *
   * @param attention of attention weights
   * @param feedForward before the feed-forward network's last map
   * @param branches of the branches' outputs
   * @param last after the final norm
   */
  record DropoutSpec(
      @Nullable String embeddings,
      @Nullable String attention,
      @Nullable String feedForward,
      @Nullable String branches,
      @Nullable String last) {

    /**
     * Dropout of embeddings and of branches' outputs by one field, of attention weights by another.
     */
    static DropoutSpec of(@Nullable String stream, String attention) {
      return new DropoutSpec(stream, attention, null, stream, null);
    }

    static DropoutSpec everywhere(String field) {
      return new DropoutSpec(field, field, field, field, field);
    }
  }
}
