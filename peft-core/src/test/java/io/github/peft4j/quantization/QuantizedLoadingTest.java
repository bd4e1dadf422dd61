package io.github.peft4j.quantization;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.Device;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.quantization.bitsandbytes.Int8;
import io.github.peft4j.quantization.bitsandbytes.Nf4;
import io.github.peft4j.tuner.site.ParameterSite;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Weights are quantised one by one while a model is loaded. */
class QuantizedLoadingTest {

  private static final int HIDDEN = 256;
  private static final int INTERMEDIATE = 1024;
  private static final int LAYERS = 16;
  private static final int VOCABULARY = 32;

  /** The numbers of the maps of all layers: 67 MiB in float32. */
  private static final long NUMBERS = LAYERS * (4L * HIDDEN * HIDDEN + 3L * HIDDEN * INTERMEDIATE);

  private static final String CONFIG =
      """
      {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": %d,
       "intermediate_size": %d, "num_hidden_layers": %d, "num_attention_heads": 4,
       "num_key_value_heads": 4, "vocab_size": %d, "max_position_embeddings": 32,
       "rms_norm_eps": 1e-6, "hidden_act": "silu", "tie_word_embeddings": false}
      """;

  @TempDir Path folder;

  private final Random random = new Random(3);
  private String broken = "";

  private void write() throws IOException {
    Files.writeString(
        folder.resolve("config.json"), CONFIG.formatted(HIDDEN, INTERMEDIATE, LAYERS, VOCABULARY));
    SafetensorsWriter writer = new SafetensorsWriter();
    add(writer, "model.embed_tokens.weight", VOCABULARY, HIDDEN);
    add(writer, "lm_head.weight", VOCABULARY, HIDDEN);
    add(writer, "model.norm.weight", HIDDEN);
    for (int i = 0; i < LAYERS; i++) {
      String layer = "model.layers." + i + ".";
      for (String map : new String[] {"q", "k", "v", "o"}) {
        add(writer, layer + "self_attn." + map + "_proj.weight", HIDDEN, HIDDEN);
      }
      add(writer, layer + "mlp.gate_proj.weight", INTERMEDIATE, HIDDEN);
      add(writer, layer + "mlp.up_proj.weight", INTERMEDIATE, HIDDEN);
      add(writer, layer + "mlp.down_proj.weight", HIDDEN, INTERMEDIATE);
      add(writer, layer + "input_layernorm.weight", HIDDEN);
      add(writer, layer + "post_attention_layernorm.weight", HIDDEN);
    }
    writer.write(folder.resolve("model.safetensors"));
  }

  private void add(SafetensorsWriter writer, String name, long... shape) {
    float[] values = new float[(int) (shape.length == 1 ? shape[0] : shape[0] * shape[1])];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (0.02 * random.nextGaussian());
    }
    if (name.equals(broken)) {
      values[values.length - 1] = Float.NaN;
    }
    writer.add(name, shape, values);
  }

  private PeftModel load(@Nullable Quantization quantization) {
    Peft.Loader loader = Peft.from(folder).device(Device.cpu()).precision(Precision.FLOAT32);
    return (quantization == null ? loader : loader.quantize(quantization)).load();
  }

  /** What a model takes, and the most that it took while it was loaded. */
  private record Use(long after, long most) {}

  private Use use(@Nullable Quantization quantization) throws InterruptedException {
    System.gc(); // buffers of Java that are not freed in the middle then
    long before = NativeMemory.used();
    AtomicLong most = new AtomicLong();
    Thread watch =
        new Thread(
            () -> {
              while (!Thread.currentThread().isInterrupted()) {
                most.accumulateAndGet(NativeMemory.used(), Math::max);
                LockSupport.parkNanos(500_000);
              }
            });
    watch.start();
    try (PeftModel model = load(quantization)) {
      long after = NativeMemory.used() - before;
      assertThat(model.base().parameters().filter(ParameterSite::isQuantized).count())
          .isEqualTo(quantization == null ? 0 : 7L * LAYERS);
      return new Use(after, most.get() - before);
    } finally {
      watch.interrupt();
      watch.join();
    }
  }

  @Test
  void theModelNeverStandsInMemory() throws IOException, InterruptedException {
    write();
    use(Nf4.doubleQuantized()); // libraries and kernels
    Use plain = use(null);
    Use four = use(Nf4.doubleQuantized());
    Use eight = use(Int8.BY_ROW);

    long numbers = NUMBERS * Float.BYTES;
    assertThat(plain.after()).isGreaterThan((long) (0.9 * numbers));
    assertThat(four.after()).isLessThan((long) (0.16 * numbers + (16 << 20)));
    assertThat(eight.after()).isLessThan((long) (0.26 * numbers + (16 << 20)));
    long some = 32 << 20; // a few copies of the largest matrix
    assertThat(four.most()).isLessThan((long) (0.16 * numbers) + some);
    assertThat(eight.most()).isLessThan((long) (0.26 * numbers) + some);
  }

  @Test
  void aBrokenWeightIsNamed() throws IOException {
    broken = "model.layers.1.mlp.up_proj.weight";
    write();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> load(Nf4.plain()))
        .withMessageContaining("not finite")
        .withMessageContaining(broken);
  }
}
