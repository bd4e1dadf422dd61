package io.github.peft4j.transformer.family;

import io.github.peft4j.transformer.config.Task;
import java.util.List;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * One stack of a model family as data, part by part: names of modules and of config fields, and
 * which parts there are. The values that stand here are Llama's; a family says what differs.
 *
 * <p>Names of modules in a layer are below the layer's, others below the body's. {@link
 * StackBuilder} makes the stack out of it.
 */
final class StackSpec {

  /** What the family's classes in transformers begin with. */
  String className = "Llama";

  /** What the class with a language model's head ends with. */
  String languageModelName = "ForCausalLM";

  /** What stands before all names of the body in a checkpoint; empty for nothing. */
  String body = "model";

  /** What the stack is called, if not as the body. */
  @Nullable String name;

  SizeSpec sizes =
      new SizeSpec(
          "hidden_size",
          "num_hidden_layers",
          "num_attention_heads",
          "head_dim",
          "intermediate_size");

  /** Whether a token sees only those before it. */
  boolean causal = true;

  EmbeddingSpec embedding = EmbeddingSpec.of("embed_tokens");
  PositionSpec positions = new PositionSpec.Rotary();

  /** The list of layers. */
  String layers = "layers";

  NormSpec norm = NormSpec.rms("rms_norm_eps");

  AttentionSpec attention =
      new AttentionSpec(
          "self_attn",
          List.of("q_proj", "k_proj", "v_proj"),
          "self_attn.o_proj",
          BranchSpec.normedBefore("input_layernorm"));

  /** Attention over an encoder's output, where there is one. */
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

  HeadSpec head = HeadSpec.of(Task.Type.CAUSAL_LM, "score", "score");

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

  /**
   * The config's fields of sizes.
   *
   * @param head of one head's vectors; where the config lacks it, hidden / heads
   * @param inner of the feed-forward network; where the config lacks it, 4 · hidden
   */
  record SizeSpec(String hidden, String depth, String heads, String head, String inner) {}

  /**
   * Tables of the entrance.
   *
   * @param ownTokens the whole name of the token table below the stack, where transformers has it
   *     there as well
   * @param types of segments, if there are such
   * @param norm behind the sum of all, if there is one
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

  /** How the model knows of positions. */
  sealed interface PositionSpec {

    /** Queries and keys are turned. */
    record Rotary() implements PositionSpec {}

    /**
     * A table's vectors are added to the tokens'.
     *
     * @param entries the config's field of the table's length
     * @param offset the first token's entry
     */
    record Learned(String table, String entries, int offset) implements PositionSpec {}

    /** A table of distances adds to the scores of attention (T5). */
    record Relative(String table) implements PositionSpec {}
  }

  /**
   * What all norms are.
   *
   * @param rms without mean and bias
   * @param epsilon the config's field
   * @param usual where the config lacks it, as transformers has it
   */
  record NormSpec(boolean rms, String epsilon, double usual) {

    static NormSpec rms(String epsilon) {
      return new NormSpec(true, epsilon, 1e-6);
    }

    static NormSpec layerNorm(String epsilon, double usual) {
      return new NormSpec(false, epsilon, usual);
    }
  }

  /** What stands around a residual branch f: after(x + behind(f(before(x)))). */
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
   * @param module what projections stand below
   * @param projections of queries, keys and values, or one for all three
   * @param output below the layer
   * @param scale what a layer's scores are multiplied by; null for 1/√d
   * @param queryKeyNorm norms of queries' and keys' heads below the module, or none
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
   * @param gate null if there is none, or none of its own
   * @param fusedGate whether {@code up} is gate and up in one
   * @param activation the config's field
   * @param usualActivation where the config lacks it
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
   * The config's fields of dropout rates; null for no dropout.
   *
   * @param attention of the weights that scores become
   * @param feedForward before the network's last map
   * @param branches of what is added to the stream
   * @param last behind the final norm
   */
  record DropoutSpec(
      @Nullable String embeddings,
      @Nullable String attention,
      @Nullable String feedForward,
      @Nullable String branches,
      @Nullable String last) {

    /** Of the stream, at its entrance and of what branches add, and of attention. */
    static DropoutSpec of(@Nullable String stream, String attention) {
      return new DropoutSpec(stream, attention, null, stream, null);
    }

    static DropoutSpec everywhere(String field) {
      return new DropoutSpec(field, field, field, field, field);
    }
  }

  /**
   * What heads are made of.
   *
   * @param usual the task of a config that names none
   * @param output a language model's map to tokens
   * @param scale what hidden states are multiplied by before it
   * @param pooler in front of a classifier, below the body; null if it reads the last token
   */
  record HeadSpec(
      Task.Type usual,
      String output,
      double scale,
      @Nullable String pooler,
      String classifier,
      String tokenClassifier) {

    static HeadSpec of(Task.Type usual, String classifier, String tokenClassifier) {
      return new HeadSpec(usual, "lm_head", 1, null, classifier, tokenClassifier);
    }

    HeadSpec scaled(double scale) {
      return new HeadSpec(usual, output, scale, pooler, classifier, tokenClassifier);
    }

    HeadSpec pooledBy(String pooler) {
      return new HeadSpec(usual, output, scale, pooler, classifier, tokenClassifier);
    }
  }
}
