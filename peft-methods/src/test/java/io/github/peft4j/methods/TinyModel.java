package io.github.peft4j.methods;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/** Random models of two layers, small enough for finite differences. */
enum TinyModel {
  /** A decoder with grouped queries and no biases. */
  LLAMA(
      """
      {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 16,
       "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
       "num_key_value_heads": 2, "vocab_size": 32, "max_position_embeddings": 32,
       "rms_norm_eps": 1e-6, "hidden_act": "silu", "tie_word_embeddings": false}
      """),
  /** A decoder whose output shares the token table. */
  TIED_LLAMA(LLAMA.config.replace("false", "true")),
  /** A decoder with experts, of which each token is sent to two. */
  MIXTRAL(
      LLAMA
          .config
          .replace("llama", "mixtral")
          .replace("Llama", "Mixtral")
          .replace("\"vocab_size\"", "\"num_local_experts\": 3, \"vocab_size\"")),
  /** An encoder with biases and a classifier. */
  BERT(
      """
      {"model_type": "bert", "architectures": ["BertForSequenceClassification"], "hidden_size": 16,
       "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
       "vocab_size": 32, "max_position_embeddings": 32, "type_vocab_size": 2,
       "layer_norm_eps": 1e-12, "hidden_act": "gelu", "hidden_dropout_prob": 0.0,
       "attention_probs_dropout_prob": 0.0,
       "id2label": {"0": "a", "1": "b", "2": "c"}, "label2id": {"a": 0, "b": 1, "c": 2}}
      """),
  /** An encoder and a decoder, with relative positions. */
  T5(
      """
      {"model_type": "t5", "architectures": ["T5ForConditionalGeneration"], "d_model": 16,
       "d_kv": 4, "d_ff": 24, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 4,
       "vocab_size": 32, "layer_norm_epsilon": 1e-6, "feed_forward_proj": "gated-gelu",
       "relative_attention_num_buckets": 8, "relative_attention_max_distance": 16,
       "dropout_rate": 0.0, "decoder_start_token_id": 0, "pad_token_id": 0,
       "tie_word_embeddings": true}
      """);

  private static final long D = 16;
  private static final long M = 24;
  private static final long V = 32;
  private static final long[][] IDS = {{5, 6, 7, 8, 9}, {9, 4, 30, 5, 0}};
  private static final long[][] ANSWERS = {{7, 8, 2}, {12, 2, LossTargets.IGNORED}};
  private static final long[][] MASK = {{1, 1, 1, 1, 1}, {1, 1, 1, 1, 0}};

  static {
    // Threads that wait for each other take longer than matrices of 16 x 16.
    System.setProperty("ai.djl.pytorch.num_threads", "1");
  }

  private final String config;
  private @Nullable Path folder;

  TinyModel(String config) {
    this.config = config;
  }

  PeftModel load(Precision precision) {
    return Peft.from(folder()).precision(precision).load();
  }

  /** The model on the CPU, for what is the same bit by bit there only. */
  PeftModel onCpu(Precision precision) {
    return Peft.from(folder()).device(Device.cpu()).precision(precision).load();
  }

  PeftModel load(Precision precision, Task task) {
    return Peft.from(folder()).precision(precision).task(task).load();
  }

  ModelInput input(PeftModel model) {
    NDManager manager = model.base().manager();
    ModelInput input = ModelInput.of(manager, IDS, MASK);
    return this == T5
        ? input.decoding(ModelInput.of(manager, model.base().shiftRight(ANSWERS), null).ids())
        : input;
  }

  /** Whether the model writes texts. */
  boolean writes() {
    return this != BERT;
  }

  /** One prompt and the text that was written so far, without a cache. */
  ModelInput input(PeftModel model, long[] prompt, long... text) {
    NDManager manager = model.base().manager();
    if (this == T5) {
      long[] started = LongStream.concat(LongStream.of(0), LongStream.of(text)).toArray();
      return ModelInput.of(manager, new long[][] {prompt}, null)
          .decoding(ModelInput.array(manager, new long[][] {started}));
    }
    long[] whole = LongStream.concat(LongStream.of(prompt), LongStream.of(text)).toArray();
    return ModelInput.of(manager, new long[][] {whole}, null);
  }

  LossTargets targets() {
    if (this == T5) {
      return new LossTargets.Tokens(ANSWERS);
    }
    return this == BERT
        ? new LossTargets.Classes(new long[] {0, 2})
        : new LossTargets.NextTokens(
            new long[][] {{5, 6, 7, 8, 9}, {9, 4, 30, 5, LossTargets.IGNORED}});
  }

  private synchronized Path folder() {
    if (folder == null) {
      try {
        Path made = Files.createTempDirectory("tiny-" + name());
        made.toFile().deleteOnExit();
        Files.writeString(made.resolve("config.json"), config);
        Weights weights = new Weights();
        switch (this) {
          case BERT -> bert(weights);
          case T5 -> t5(weights);
          default -> llama(weights);
        }
        weights.writer.write(made.resolve("model.safetensors"));
        made.resolve("config.json").toFile().deleteOnExit();
        made.resolve("model.safetensors").toFile().deleteOnExit();
        folder = made;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return folder;
  }

  private void llama(Weights weights) {
    weights.matrix("model.embed_tokens.weight", V, D);
    for (int i = 0; i < 2; i++) {
      String layer = "model.layers." + i + ".";
      weights.vector(layer + "input_layernorm.weight", D, 1);
      weights.vector(layer + "post_attention_layernorm.weight", D, 1);
      weights.matrix(layer + "self_attn.q_proj.weight", D, D);
      weights.matrix(layer + "self_attn.k_proj.weight", D / 2, D);
      weights.matrix(layer + "self_attn.v_proj.weight", D / 2, D);
      weights.matrix(layer + "self_attn.o_proj.weight", D, D);
      if (this == MIXTRAL) {
        experts(weights, layer + "block_sparse_moe.");
      } else {
        weights.matrix(layer + "mlp.gate_proj.weight", M, D);
        weights.matrix(layer + "mlp.up_proj.weight", M, D);
        weights.matrix(layer + "mlp.down_proj.weight", D, M);
      }
    }
    weights.vector("model.norm.weight", D, 1);
    if (this != TIED_LLAMA) {
      weights.matrix("lm_head.weight", V, D);
    }
  }

  private static void experts(Weights weights, String mixture) {
    weights.matrix(mixture + "gate.weight", 3, D);
    for (int e = 0; e < 3; e++) {
      weights.matrix(mixture + "experts." + e + ".w1.weight", M, D);
      weights.matrix(mixture + "experts." + e + ".w3.weight", M, D);
      weights.matrix(mixture + "experts." + e + ".w2.weight", D, M);
    }
  }

  private static void bert(Weights weights) {
    weights.matrix("bert.embeddings.word_embeddings.weight", V, D);
    weights.matrix("bert.embeddings.position_embeddings.weight", V, D);
    weights.matrix("bert.embeddings.token_type_embeddings.weight", 2, D);
    weights.norm("bert.embeddings.LayerNorm", D);
    for (int i = 0; i < 2; i++) {
      String layer = "bert.encoder.layer." + i + ".";
      weights.linear(layer + "attention.self.query", D, D);
      weights.linear(layer + "attention.self.key", D, D);
      weights.linear(layer + "attention.self.value", D, D);
      weights.linear(layer + "attention.output.dense", D, D);
      weights.norm(layer + "attention.output.LayerNorm", D);
      weights.linear(layer + "intermediate.dense", M, D);
      weights.linear(layer + "output.dense", D, M);
      weights.norm(layer + "output.LayerNorm", D);
    }
    weights.linear("bert.pooler.dense", D, D);
    weights.linear("classifier", 3, D);
  }

  private static void t5(Weights weights) {
    weights.matrix("shared.weight", V, D);
    for (String stack : new String[] {"encoder", "decoder"}) {
      boolean decoder = stack.equals("decoder");
      weights.matrix(stack + ".block.0.layer.0.SelfAttention.relative_attention_bias.weight", 8, 4);
      for (int i = 0; i < 2; i++) {
        String block = stack + ".block." + i + ".layer.";
        attention(weights, block + "0.SelfAttention.");
        weights.vector(block + "0.layer_norm.weight", D, 1);
        if (decoder) {
          attention(weights, block + "1.EncDecAttention.");
          weights.vector(block + "1.layer_norm.weight", D, 1);
        }
        String last = block + (decoder ? 2 : 1);
        weights.matrix(last + ".DenseReluDense.wi_0.weight", M, D);
        weights.matrix(last + ".DenseReluDense.wi_1.weight", M, D);
        weights.matrix(last + ".DenseReluDense.wo.weight", D, M);
        weights.vector(last + ".layer_norm.weight", D, 1);
      }
      weights.vector(stack + ".final_layer_norm.weight", D, 1);
    }
  }

  private static void attention(Weights weights, String name) {
    for (String part : new String[] {"q", "k", "v", "o"}) {
      weights.matrix(name + part + ".weight", D, D);
    }
  }

  /** Random tensors, the same in every run. */
  private static final class Weights {

    private final SafetensorsWriter writer = new SafetensorsWriter();
    private final Random random = new Random(3);

    void matrix(String name, long rows, long columns) {
      writer.add(name, new long[] {rows, columns}, values(rows * columns, 0, 0.4));
    }

    void vector(String name, long size, double mean) {
      writer.add(name, new long[] {size}, values(size, mean, 0.2));
    }

    void linear(String name, long rows, long columns) {
      matrix(name + ".weight", rows, columns);
      vector(name + ".bias", rows, 0);
    }

    void norm(String name, long size) {
      vector(name + ".weight", size, 1);
      vector(name + ".bias", size, 0);
    }

    private float[] values(long count, double mean, double deviation) {
      float[] values = new float[(int) count];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) (mean + deviation * random.nextGaussian());
      }
      return values;
    }
  }
}
