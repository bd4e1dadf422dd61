package io.github.peft4j.gguf;

import static io.github.peft4j.gguf.Field.always;
import static io.github.peft4j.gguf.Field.cap;
import static io.github.peft4j.gguf.Field.derived;
import static io.github.peft4j.gguf.Field.fileType;
import static io.github.peft4j.gguf.Field.ifStored;
import static io.github.peft4j.gguf.Field.never;
import static io.github.peft4j.gguf.Field.number;
import static io.github.peft4j.gguf.Field.size;

import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The architectures that llama.cpp and peft4j both know. */
final class Architectures {

  private static final Field LAYERS = size("block_count", "num_hidden_layers");
  private static final Field POSITIONS = size("context_length", "max_position_embeddings");
  private static final Field HIDDEN = size("embedding_length", "hidden_size");
  private static final Field WIDTH = size("feed_forward_length", "intermediate_size");
  private static final Field HEADS = size("attention.head_count", "num_attention_heads");
  private static final Field KEY_VALUE_HEADS = HeadFields.keyValueHeads();
  private static final Field BIASED_ATTENTION =
      ifStored("attention_bias", "attn_q.bias", "attn_k.bias", "attn_v.bias", "attn_output.bias");
  private static final String RMS = "attention.layer_norm_rms_epsilon";

  private static final List<Architecture> ALL =
      List.of(llama(), qwen2(), qwen3(), gemma(), gemma2(), gemma3(), phi3(), gpt2(), bert());

  private Architectures() {}

  /** The architecture of a file. */
  static Optional<Architecture> named(String name) {
    return ALL.stream().filter(each -> each.name().equals(name)).findFirst();
  }

  /** The architecture that a model of a type is. */
  static Optional<Architecture> ofType(String modelType) {
    return ALL.stream().filter(each -> each.modelTypes().contains(modelType)).findFirst();
  }

  /** The names of all. */
  static String names() {
    return ALL.stream().map(Architecture::name).collect(Collectors.joining(", "));
  }

  /** All types of models that can be written. */
  static String modelTypes() {
    return String.join(
        ", ", new TreeSet<>(ALL.stream().flatMap(each -> each.modelTypes().stream()).toList()));
  }

  private static List<Field> fields(Field... fields) {
    return List.of(fields);
  }

  private static List<Field> join(List<Field> first, Field... more) {
    return Stream.concat(first.stream(), Stream.of(more)).toList();
  }

  /** What the converter writes of most models, in its order. */
  private static List<Field> usual(Field rope, Field head, double epsilon) {
    return fields(
        LAYERS,
        POSITIONS,
        HIDDEN,
        WIDTH,
        HEADS,
        KEY_VALUE_HEADS,
        rope,
        number(RMS, "rms_norm_eps", epsilon),
        head,
        fileType(),
        HeadFields.vocabulary());
  }

  private static TensorNames decoder() {
    return new TensorNames()
        .add("token_embd", "model.embed_tokens")
        .add("output_norm", "model.norm")
        .add("output", "lm_head")
        .add("blk.#.attn_norm", "model.layers.#.input_layernorm")
        .add("blk.#.attn_v", "model.layers.#.self_attn.v_proj")
        .add("blk.#.attn_output", "model.layers.#.self_attn.o_proj")
        .add("blk.#.ffn_norm", "model.layers.#.post_attention_layernorm")
        .add("blk.#.ffn_gate", "model.layers.#.mlp.gate_proj")
        .add("blk.#.ffn_up", "model.layers.#.mlp.up_proj")
        .add("blk.#.ffn_down", "model.layers.#.mlp.down_proj");
  }

  private static TensorNames queriesAndKeys(TensorNames names, Transform transform) {
    return names
        .add("blk.#.attn_q", "model.layers.#.self_attn.q_proj", transform)
        .add("blk.#.attn_k", "model.layers.#.self_attn.k_proj", transform);
  }

  private static Architecture llama() {
    return new Architecture(
        "llama",
        List.of("llama", "mistral"),
        "LlamaForCausalLM",
        join(
            usual(RopeFields.usual(), HeadFields.size(HeadFields::divided), 1e-6),
            derived("vocab_size", config -> config.size("vocab_size")),
            derived("rope.dimension_count", HeadFields::sizeOf),
            always("hidden_act", "silu"),
            BIASED_ATTENTION,
            ifStored("mlp_bias", "ffn_gate.bias", "ffn_up.bias", "ffn_down.bias"),
            HeadFields.tied(),
            Limits.window("sliding_window", config -> true),
            Limits.noExperts()),
        queriesAndKeys(decoder(), Transform.HEAD_ROWS));
  }

  private static Architecture qwen2() {
    return new Architecture(
        "qwen2",
        List.of("qwen2"),
        "Qwen2ForCausalLM",
        join(
            usual(RopeFields.usual(), HeadFields.sizeIfUnusual(), 1e-6),
            always("hidden_act", "silu"),
            HeadFields.tied(),
            Limits.window("sliding_window", Limits::usesWindow),
            Limits.noExperts()),
        queriesAndKeys(decoder(), Transform.NONE));
  }

  private static Architecture qwen3() {
    return new Architecture(
        "qwen3",
        List.of("qwen3"),
        "Qwen3ForCausalLM",
        join(
            usual(RopeFields.usual(), HeadFields.size(config -> 128), 1e-6),
            always("hidden_act", "silu"),
            BIASED_ATTENTION,
            HeadFields.tied(),
            Limits.window("sliding_window", Limits::usesWindow),
            Limits.noExperts()),
        queriesAndKeys(decoder(), Transform.NONE)
            .add("blk.#.attn_q_norm", "model.layers.#.self_attn.q_norm")
            .add("blk.#.attn_k_norm", "model.layers.#.self_attn.k_norm"));
  }

  /** What all Gemmas have in common, apart from the norms of their branches. */
  private static TensorNames gemmaTensors() {
    return queriesAndKeys(
        new TensorNames()
            .add("token_embd", "model.embed_tokens")
            .add("output_norm", "model.norm", Transform.ONE_PLUS)
            .add("blk.#.attn_norm", "model.layers.#.input_layernorm", Transform.ONE_PLUS)
            .add("blk.#.attn_v", "model.layers.#.self_attn.v_proj")
            .add("blk.#.attn_output", "model.layers.#.self_attn.o_proj")
            .add("blk.#.ffn_gate", "model.layers.#.mlp.gate_proj")
            .add("blk.#.ffn_up", "model.layers.#.mlp.up_proj")
            .add("blk.#.ffn_down", "model.layers.#.mlp.down_proj"),
        Transform.NONE);
  }

  private static TensorNames normedAround(TensorNames names) {
    return names
        .add(
            "blk.#.post_attention_norm",
            "model.layers.#.post_attention_layernorm",
            Transform.ONE_PLUS)
        .add("blk.#.ffn_norm", "model.layers.#.pre_feedforward_layernorm", Transform.ONE_PLUS)
        .add(
            "blk.#.post_ffw_norm", "model.layers.#.post_feedforward_layernorm", Transform.ONE_PLUS);
  }

  /** The converter writes these of Gemma 1 and 2 in an order of their own. */
  private static List<Field> gemmaFields() {
    return fields(
        POSITIONS,
        HIDDEN,
        LAYERS,
        WIDTH,
        HEADS,
        KEY_VALUE_HEADS,
        number(RMS, "rms_norm_eps", 1e-6),
        HeadFields.size(config -> 256),
        fileType(),
        HeadFields.vocabulary(),
        RopeFields.fixedBase(),
        HeadFields.alwaysTied(),
        BIASED_ATTENTION,
        always("hidden_activation", "gelu_pytorch_tanh", "gelu_new"));
  }

  private static Architecture gemma() {
    return new Architecture(
        "gemma",
        List.of("gemma"),
        "GemmaForCausalLM",
        gemmaFields(),
        gemmaTensors()
            .add("blk.#.ffn_norm", "model.layers.#.post_attention_layernorm", Transform.ONE_PLUS));
  }

  private static Architecture gemma2() {
    return new Architecture(
        "gemma2",
        List.of("gemma2"),
        "Gemma2ForCausalLM",
        join(
            gemmaFields(),
            cap("attn_logit_softcapping", "attn_logit_softcapping", 50),
            cap("final_logit_softcapping", "final_logit_softcapping", 30),
            size("attention.sliding_window", "sliding_window", config -> 4096),
            Limits.scoreScale(46),
            Limits.windows(2)),
        normedAround(gemmaTensors()));
  }

  private static Architecture gemma3() {
    return new Architecture(
        "gemma3",
        List.of("gemma3_text"),
        "Gemma3ForCausalLM",
        join(
            usual(RopeFields.ofWindows(), HeadFields.size(config -> 256), 1e-6),
            cap("final_logit_softcapping", "final_logit_softcapping", 0),
            size("attention.sliding_window", "sliding_window", config -> 4096),
            HeadFields.alwaysTied(),
            always("hidden_activation", "gelu_pytorch_tanh", "gelu_new"),
            never("use_bidirectional_attention"),
            Limits.scoreScale(62),
            Limits.windows(6)),
        normedAround(gemmaTensors())
            .add("blk.#.attn_q_norm", "model.layers.#.self_attn.q_norm", Transform.ONE_PLUS)
            .add("blk.#.attn_k_norm", "model.layers.#.self_attn.k_norm", Transform.ONE_PLUS));
  }

  private static Architecture phi3() {
    return new Architecture(
        "phi3",
        List.of("phi3"),
        "Phi3ForCausalLM",
        fields(
            RopeFields.longRope(),
            POSITIONS,
            RopeFields.originalPositions(),
            HIDDEN,
            WIDTH,
            LAYERS,
            HEADS,
            KEY_VALUE_HEADS,
            number(RMS, "rms_norm_eps", 1e-5),
            PhiFields.rotated(),
            RopeFields.base(),
            fileType(),
            PhiFields.window(),
            HeadFields.vocabulary(),
            HeadFields.tied(),
            always("hidden_act", "silu")),
        new TensorNames()
            .add("token_embd", "model.embed_tokens")
            .add("output_norm", "model.norm")
            .add("output", "lm_head")
            .add("blk.#.attn_norm", "model.layers.#.input_layernorm")
            .add("blk.#.attn_qkv", "model.layers.#.self_attn.qkv_proj")
            .add("blk.#.attn_output", "model.layers.#.self_attn.o_proj")
            .add("blk.#.ffn_norm", "model.layers.#.post_attention_layernorm")
            .add("blk.#.ffn_up", "model.layers.#.mlp.gate_up_proj")
            .add("blk.#.ffn_down", "model.layers.#.mlp.down_proj"));
  }

  private static Architecture gpt2() {
    return new Architecture(
        "gpt2",
        List.of("gpt2"),
        "GPT2LMHeadModel",
        fields(
            size("block_count", "n_layer"),
            size("context_length", "n_positions", config -> 1024),
            size("embedding_length", "n_embd"),
            size("feed_forward_length", "n_inner", config -> 4L * config.size("n_embd")),
            size("attention.head_count", "n_head"),
            number("attention.layer_norm_epsilon", "layer_norm_epsilon", 1e-5),
            fileType(),
            HeadFields.vocabulary(),
            HeadFields.tied(),
            always("activation_function", "gelu_new", "gelu_pytorch_tanh"),
            never("scale_attn_by_inverse_layer_idx")),
        new TensorNames()
            .add("token_embd", "transformer.wte")
            .add("position_embd", "transformer.wpe")
            .add("output_norm", "transformer.ln_f")
            .add("output", "lm_head")
            .add("blk.#.attn_norm", "transformer.h.#.ln_1")
            .add("blk.#.attn_qkv", "transformer.h.#.attn.c_attn", Transform.TRANSPOSED)
            .add("blk.#.attn_output", "transformer.h.#.attn.c_proj", Transform.TRANSPOSED)
            .add("blk.#.ffn_norm", "transformer.h.#.ln_2")
            .add("blk.#.ffn_up", "transformer.h.#.mlp.c_fc", Transform.TRANSPOSED)
            .add("blk.#.ffn_down", "transformer.h.#.mlp.c_proj", Transform.TRANSPOSED));
  }

  /** Encoders whose states become vectors of texts. llama.cpp has no pooler and no head. */
  private static Architecture bert() {
    return new Architecture(
        "bert",
        List.of("bert"),
        "BertModel",
        fields(
            LAYERS,
            POSITIONS,
            HIDDEN,
            WIDTH,
            HEADS,
            number("attention.layer_norm_epsilon", "layer_norm_eps", 1e-12),
            fileType(),
            EncoderFields.bothWays(),
            EncoderFields.pooling(),
            HeadFields.vocabulary(),
            EncoderFields.segments(),
            always("hidden_act", "gelu"),
            always("position_embedding_type", "absolute"),
            never("is_decoder")),
        new TensorNames("bert.")
            .add("token_embd", "embeddings.word_embeddings")
            .add("token_types", "embeddings.token_type_embeddings")
            .add("position_embd", "embeddings.position_embeddings")
            .add("token_embd_norm", "embeddings.LayerNorm")
            .add("blk.#.attn_q", "encoder.layer.#.attention.self.query")
            .add("blk.#.attn_k", "encoder.layer.#.attention.self.key")
            .add("blk.#.attn_v", "encoder.layer.#.attention.self.value")
            .add("blk.#.attn_output", "encoder.layer.#.attention.output.dense")
            .add("blk.#.attn_output_norm", "encoder.layer.#.attention.output.LayerNorm")
            .add("blk.#.ffn_up", "encoder.layer.#.intermediate.dense")
            .add("blk.#.ffn_down", "encoder.layer.#.output.dense")
            .add("blk.#.layer_output_norm", "encoder.layer.#.output.LayerNorm")
            .leaveOut("pooler.dense"));
  }
}
