package io.github.peft4j.transformer;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.LinearSite.Role;
import io.github.peft4j.tuner.SublayerSite;
import io.github.peft4j.tuner.SublayerSite.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What distinguishes one model family from the others, as data: names of modules and of config
 * fields, and which parts there are. {@link Families} holds the values.
 */
final class Family {

  private static final Kernel FIRST_TOKEN =
      Kernel.of(
          """
          def first_token(x: Tensor) -> Tensor:                  # (B, T, D) → (B, D)
              return torch.select(x, 1, 0)
          """);

  final String modelType;
  private final Spec spec;

  private Family(String modelType, Spec spec) {
    this.modelType = modelType;
    this.spec = spec;
  }

  /** Where norms stand in a layer. */
  enum NormPlacement {
    /** Before each branch: Llama, GPT-2. */
    PRE,
    /** After each sum: BERT. */
    POST,
    /** Before and after each branch: Gemma 2. */
    SANDWICH
  }

  /** The data; every name is below the layer's or the body's. */
  static final class Spec implements Cloneable {
    String className = "Llama";
    String causalLmSuffix = "ForCausalLM";
    String body = "model";
    boolean causal = true;
    String hiddenSize = "hidden_size";
    String depth = "num_hidden_layers";
    String heads = "num_attention_heads";
    String intermediateSize = "intermediate_size";
    String tokens = "embed_tokens";
    @Nullable String positions;
    int positionOffset;
    @Nullable String types;
    @Nullable String embeddingNorm;
    String layers = "layers";
    boolean rms = true;
    String epsilon = "rms_norm_eps";
    NormPlacement placement = NormPlacement.PRE;
    String attention = "self_attn";
    List<String> projections = List.of("q_proj", "k_proj", "v_proj");
    String attentionOutput = "self_attn.o_proj";
    List<String> queryKeyNorm = List.of();
    List<String> attentionNorms = List.of("input_layernorm");
    boolean rotary = true;
    boolean transposed;
    @Nullable String gate = "mlp.gate_proj";
    String up = "mlp.up_proj";
    String down = "mlp.down_proj";
    boolean fusedGate;
    List<String> feedForwardNorms = List.of("post_attention_layernorm");
    String activation = "hidden_act";
    String usualActivation = "silu";
    @Nullable String finalNorm = "norm";
    String output = "lm_head";
    Task.Type usualTask = Task.Type.CAUSAL_LM;
    @Nullable String pooler;
    String classifier = "score";
    @Nullable String hiddenDropout;
    @Nullable String attentionDropout = "attention_dropout";

    @Override
    public Spec clone() {
      try {
        return (Spec) super.clone();
      } catch (CloneNotSupportedException e) {
        throw new AssertionError(e);
      }
    }
  }

  /** A decoder laid out as Llama. */
  static Family decoder(String modelType, java.util.function.Consumer<Spec> changes) {
    Spec spec = new Spec();
    changes.accept(spec);
    return new Family(modelType, spec);
  }

  /** Another family that differs from this one in a few things. */
  Family like(String modelType, java.util.function.Consumer<Spec> changes) {
    Spec copy = spec.clone();
    changes.accept(copy);
    return new Family(modelType, copy);
  }

  /** Hugging Face's class name for a task. */
  String architecture(Task.Type task) {
    return spec.className
        + switch (task) {
          case CAUSAL_LM -> spec.causalLmSuffix;
          case SEQ_CLS -> "ForSequenceClassification";
          case TOKEN_CLS -> "ForTokenClassification";
          case SEQ_2_SEQ_LM -> "ForConditionalGeneration";
        };
  }

  String root() {
    return spec.body + ".";
  }

  Task task(ModelConfig config) {
    return Task.of(config, spec.usualTask);
  }

  /** The body, out of a checkpoint. */
  TransformerModel.Body body(ModelConfig config, Checkpoint weights) {
    Stack stack = stack(config, weights);
    return new TransformerModel.Body() {
      @Override
      public NDArray forward(ModelInput input, Pass pass) {
        return stack.forward(input, pass);
      }

      @Override
      public List<Stack> stacks() {
        return List.of(stack);
      }
    };
  }

  private Stack stack(ModelConfig config, Checkpoint weights) {
    int hidden = config.size(spec.hiddenSize);
    double epsilon = config.number(spec.epsilon, 1e-6);
    String root = root();
    Embedding tokens = weights.embedding(root + spec.tokens, config.size("vocab_size"), hidden);
    InputEmbedding embedding =
        new InputEmbedding(
            spec.body + ".input",
            tokens,
            spec.positions == null
                ? null
                : weights.embedding(
                    root + spec.positions,
                    config.size(
                        config.has("n_positions") ? "n_positions" : "max_position_embeddings"),
                    hidden),
            spec.positionOffset,
            spec.types == null
                ? null
                : weights.embedding(root + spec.types, config.size("type_vocab_size"), hidden),
            spec.embeddingNorm == null
                ? null
                : weights.norm(root + spec.embeddingNorm, hidden, !spec.rms, epsilon),
            dropout(config, spec.hiddenDropout));
    int headDimension = headDimension(config);
    RotaryEmbedding rotary =
        spec.rotary
            ? new RotaryEmbedding(RotaryEmbedding.frequencies(config, headDimension), headDimension)
            : null;
    List<TransformerLayer> layers = new ArrayList<>();
    for (int i = 0; i < config.size(spec.depth); i++) {
      layers.add(layer(config, weights, i, rotary));
    }
    Norm finalNorm =
        spec.finalNorm == null
            ? null
            : weights.norm(root + spec.finalNorm, hidden, !spec.rms, epsilon);
    return new Stack(spec.body, embedding, layers, finalNorm, rotary, spec.causal);
  }

  private int headDimension(ModelConfig config) {
    int heads = config.size(spec.heads);
    int hidden = config.size(spec.hiddenSize);
    if (!config.has("head_dim") && hidden % heads != 0) {
      throw config.error(spec.heads, heads, "a divisor of " + spec.hiddenSize + " " + hidden);
    }
    return config.integer("head_dim", hidden / heads);
  }

  private TransformerLayer layer(
      ModelConfig config, Checkpoint weights, int index, @Nullable RotaryEmbedding rotary) {
    String name = root() + spec.layers + "." + index;
    int hidden = config.size(spec.hiddenSize);
    int heads = config.size(spec.heads);
    int groups = config.integer("num_key_value_heads", heads);
    int head = headDimension(config);
    double epsilon = config.number(spec.epsilon, 1e-6);

    String attentionName = name + "." + spec.attention;
    List<Linear> projections = new ArrayList<>();
    if (spec.projections.size() == 1) {
      projections.add(
          weights.linear(
              attentionName + "." + spec.projections.get(0),
              Role.QUERY_KEY_VALUE,
              hidden,
              (long) (heads + 2 * groups) * head,
              spec.transposed));
    } else {
      for (int i = 0; i < 3; i++) {
        projections.add(
            weights.linear(
                attentionName + "." + spec.projections.get(i),
                List.of(Role.QUERY, Role.KEY, Role.VALUE).get(i),
                hidden,
                (long) (i == 0 ? heads : groups) * head,
                spec.transposed));
      }
    }
    Attention attention =
        new Attention(
            attentionName,
            index,
            new Attention.Shape(heads, groups, head, null, dropout(config, spec.attentionDropout)),
            projections,
            weights.linear(
                name + "." + spec.attentionOutput,
                Role.ATTENTION_OUTPUT,
                (long) heads * head,
                hidden,
                spec.transposed),
            rotary,
            spec.queryKeyNorm.stream()
                .map(n -> weights.norm(attentionName + "." + n, head, !spec.rms, epsilon))
                .toList(),
            false);

    int inner = config.integer(spec.intermediateSize, 4 * hidden);
    Linear gate =
        spec.gate == null
            ? null
            : weights.linear(name + "." + spec.gate, Role.GATE, hidden, inner, spec.transposed);
    Linear up =
        weights.linear(
            name + "." + spec.up,
            Role.UP,
            hidden,
            spec.fusedGate ? 2L * inner : inner,
            spec.transposed);
    Linear down = weights.linear(name + "." + spec.down, Role.DOWN, inner, hidden, spec.transposed);
    FeedForward feedForward =
        new FeedForward(
            gate,
            up,
            down,
            Activation.named(config.text(spec.activation, spec.usualActivation)),
            spec.fusedGate);

    List<Norm> attentionNorms = norms(weights, name, spec.attentionNorms, hidden, epsilon);
    List<Norm> feedForwardNorms = norms(weights, name, spec.feedForwardNorms, hidden, epsilon);
    double dropout = dropout(config, spec.hiddenDropout);
    Sublayer first =
        sublayer(
            new SublayerSite(attentionName, Kind.ATTENTION, index, hidden),
            attention::forward,
            attentionNorms,
            dropout);
    Sublayer second =
        sublayer(
            new SublayerSite(name + ".feed_forward", Kind.FEED_FORWARD, index, hidden),
            (x, pass) -> feedForward.forward(x),
            feedForwardNorms,
            dropout);
    List<NamedBlock> parts = new ArrayList<>();
    parts.add(attention);
    Stream.concat(attentionNorms.stream(), feedForwardNorms.stream()).forEach(parts::add);
    Stream.of(gate, up, down).filter(l -> l != null).forEach(parts::add);
    return new TransformerLayer(name, parts, List.of(first, second));
  }

  private List<Norm> norms(
      Checkpoint weights, String layer, List<String> names, int hidden, double epsilon) {
    return names.stream()
        .map(n -> weights.norm(layer + "." + n, hidden, !spec.rms, epsilon))
        .toList();
  }

  private Sublayer sublayer(
      SublayerSite site,
      BiFunction<NDArray, Pass, NDArray> function,
      List<Norm> norms,
      double dropout) {
    return switch (spec.placement) {
      case PRE -> new Sublayer(site, function, norms.get(0), null, null, dropout);
      case POST -> new Sublayer(site, function, null, null, norms.get(0), dropout);
      case SANDWICH -> new Sublayer(site, function, norms.get(0), norms.get(1), null, dropout);
    };
  }

  private static double dropout(ModelConfig config, @Nullable String field) {
    return field == null ? 0 : config.number(field, 0);
  }

  /** The head of a task on this family's body. */
  Head head(ModelConfig config, Task task, Checkpoint weights, TransformerModel.Body body) {
    int hidden = config.size(spec.hiddenSize);
    return switch (task.type()) {
      case CAUSAL_LM -> new CausalLmHead(languageModel(config, weights, body), 1);
      case SEQ_CLS -> sequenceClassification(config, task, weights, hidden);
      case TOKEN_CLS ->
          new ClassificationHead(
              List.of(),
              (x, pass) -> x,
              weights.head("classifier", Role.HEAD, hidden, task.labels().size(), true),
              true,
              classifierDropout(config));
      case SEQ_2_SEQ_LM -> throw unsupported(task);
    };
  }

  private Linear languageModel(ModelConfig config, Checkpoint weights, TransformerModel.Body body) {
    if (!spec.causal) {
      throw unsupported(Task.causalLm());
    }
    int hidden = config.size(spec.hiddenSize);
    if (config.flag("tie_word_embeddings", true) && !weights.has(spec.output + ".weight")) {
      return Linear.tied(spec.output, Role.HEAD, body.stacks().get(0).tokens().site().weight());
    }
    return weights.linear(spec.output, Role.HEAD, hidden, config.size("vocab_size"), false);
  }

  private Head sequenceClassification(
      ModelConfig config, Task task, Checkpoint weights, int hidden) {
    int classes = task.labels().size();
    if (spec.pooler == null) {
      Linear score = weights.head(spec.classifier, Role.HEAD, hidden, classes, false);
      return new ClassificationHead(List.of(), (x, pass) -> pass.lastToken(x), score, false, 0);
    }
    Linear pooler = weights.head(root() + spec.pooler, Role.POOLER, hidden, hidden, true);
    return new ClassificationHead(
        List.of(pooler),
        (x, pass) -> Activation.TANH.apply(pooler.forward(FIRST_TOKEN.call(x))),
        weights.head(spec.classifier, Role.HEAD, hidden, classes, true),
        false,
        classifierDropout(config));
  }

  private double classifierDropout(ModelConfig config) {
    return config.number("classifier_dropout", dropout(config, spec.hiddenDropout));
  }

  private IllegalArgumentException unsupported(Task task) {
    return new IllegalArgumentException(
        "a model of type " + modelType + " has no head for " + task.type());
  }
}
