package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import com.google.gson.JsonObject;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.weights.ModelWeights;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * A model that is larger than the heap, in files of 3 GiB: {@code -Dpeft4j.largeModel.gib=…} takes
 * another size. The files are sparse, so that the model costs no disk. A process with a heap
 * smaller than one tensor loads it and saves it merged, and watches the memory that it holds: pages
 * of mapped files, which the system may drop, do not count.
 */
class LargeModelTest {

  private static final int HIDDEN = 2048;
  private static final int INNER = 5632;
  private static final int TOKENS = 16_000;
  private static final int HEAP_MIB = 48;

  /** Of files in float32. */
  private static final long MIB = 1 << 20;

  private static final long LAYER = 4L * (4L * HIDDEN * HIDDEN + 3L * HIDDEN * INNER);
  private static final long TABLE = 4L * TOKENS * HIDDEN;

  @TempDir Path folder;

  @Test
  @EnabledOnOs(OS.LINUX)
  void takesTheMemoryOfItsWeightsAndLittleMore() throws IOException, InterruptedException {
    long size =
        (long) (Double.parseDouble(System.getProperty("peft4j.largeModel.gib", "3")) * 1024);
    write((int) ((size * MIB - 2 * TABLE) / LAYER));
    Path output = folder.resolve("output.txt");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx" + HEAP_MIB + "m",
                "-Dai.djl.offline=true",
                "-DOPT_OUT_TRACKING=true",
                "-cp",
                System.getProperty(
                    "surefire.test.class.path", System.getProperty("java.class.path")),
                LoadsAndSaves.class.getName(),
                folder.toString())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    assertThat(process.waitFor(600, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as(Files.readString(output)).isZero();
    Map<String, Long> mib = new LinkedHashMap<>();
    for (String line : Files.readAllLines(output)) {
      if (line.matches("\\w+ = \\d+ MiB")) {
        List<String> words = List.of(line.split(" ", -1));
        mib.put(words.get(0), Long.parseLong(words.get(2)));
      }
    }
    System.out.println(mib);
    long weights = (files() / 2) / MIB; // bfloat16 of float32
    long table = TABLE / 2 / MIB;
    assertThat(table).isGreaterThan(HEAP_MIB);
    assertThat(mib.get("loaded")).isGreaterThan(weights);
    // The heap, code and buffers are part of what is held; a second copy of the weights would not
    // fit.
    long rest = HEAP_MIB + 150;
    assertThat(mib.get("loading")).isLessThan(weights + table + rest);
    assertThat(mib.get("saving"))
        .isLessThan(Objects.requireNonNull(mib.get("loaded")) + 4 * table + rest);
    assertThat(weights).isGreaterThan(2 * (4 * table + rest));
    try (TensorSource saved = ModelWeights.open(folder.resolve("merged"))) {
      assertThat(saved.names()).hasSizeGreaterThan(20);
    }
  }

  private long files() throws IOException {
    long bytes = 0;
    try (TensorSource source = ModelWeights.open(folder)) {
      for (String name : source.names()) {
        bytes += source.info(name).byteCount();
      }
    }
    return bytes;
  }

  /** A Llama of zeros, each layer in a file of its own. */
  private void write(int layers) throws IOException {
    Files.writeString(
        folder.resolve("config.json"),
        """
        {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": %d,
         "intermediate_size": %d, "num_hidden_layers": %d, "num_attention_heads": 16,
         "num_key_value_heads": 16, "hidden_act": "silu", "rms_norm_eps": 1e-6, "vocab_size": %d,
         "max_position_embeddings": 512, "tie_word_embeddings": false, "rope_theta": 10000.0,
         "bos_token_id": 1, "eos_token_id": 2, "attention_bias": false, "mlp_bias": false}
        """
            .formatted(HIDDEN, INNER, layers, TOKENS));
    JsonObject weightMap = new JsonObject();
    List<Map<String, long[]>> shards = new ArrayList<>();
    Map<String, long[]> outside = new LinkedHashMap<>();
    outside.put("model.embed_tokens.weight", new long[] {TOKENS, HIDDEN});
    outside.put("lm_head.weight", new long[] {TOKENS, HIDDEN});
    outside.put("model.norm.weight", new long[] {HIDDEN});
    shards.add(outside);
    for (int i = 0; i < layers; i++) {
      Map<String, long[]> layer = new LinkedHashMap<>();
      String name = "model.layers." + i + ".";
      for (String map : List.of("q_proj", "k_proj", "v_proj", "o_proj")) {
        layer.put(name + "self_attn." + map + ".weight", new long[] {HIDDEN, HIDDEN});
      }
      layer.put(name + "mlp.gate_proj.weight", new long[] {INNER, HIDDEN});
      layer.put(name + "mlp.up_proj.weight", new long[] {INNER, HIDDEN});
      layer.put(name + "mlp.down_proj.weight", new long[] {HIDDEN, INNER});
      layer.put(name + "input_layernorm.weight", new long[] {HIDDEN});
      layer.put(name + "post_attention_layernorm.weight", new long[] {HIDDEN});
      shards.add(layer);
    }
    for (int i = 0; i < shards.size(); i++) {
      String file = "model-%05d-of-%05d.safetensors".formatted(i + 1, shards.size());
      sparse(folder.resolve(file), shards.get(i));
      shards.get(i).keySet().forEach(tensor -> weightMap.addProperty(tensor, file));
    }
    JsonObject index = new JsonObject();
    index.add("weight_map", weightMap);
    Files.writeString(folder.resolve("model.safetensors.index.json"), index.toString());
  }

  private static void sparse(Path file, Map<String, long[]> tensors) throws IOException {
    StringBuilder header = new StringBuilder();
    long at = 0;
    for (Map.Entry<String, long[]> tensor : tensors.entrySet()) {
      long count = 1;
      for (long n : tensor.getValue()) {
        count *= n;
      }
      header.append(header.isEmpty() ? "{" : ",");
      header.append(
          "\"%s\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
              .formatted(tensor.getKey(), Arrays.toString(tensor.getValue()), at, at + 4 * count));
      at += 4 * count;
    }
    header.append("}");
    while (header.length() % 8 != 0) {
      header.append(' ');
    }
    byte[] json = header.toString().getBytes(StandardCharsets.UTF_8);
    try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
      out.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(json.length).array());
      out.write(json);
      out.setLength(8 + json.length + at);
    }
  }

  /** The process that is watched. */
  static final class LoadsAndSaves {

    private static volatile long most;

    public static void main(String... args) throws IOException {
      Path folder = Path.of(args[0]);
      Thread watch = new Thread(LoadsAndSaves::watch, "watch");
      watch.setDaemon(true);
      watch.start();
      try (PeftModel model =
          Peft.from(folder).device(Device.cpu()).precision(Precision.BFLOAT16).load()) {
        print("loading", most);
        print("loaded", held());
        model.adapt(
            LoraConfig.ofRank(4)
                .targetModules("q_proj", "down_proj", "embed_tokens")
                .initLoraWeights(LoraInitialization.RANDOM));
        most = 0;
        model.saveMerged(folder.resolve("merged"), 1L << 29);
        print("saving", most);
      }
    }

    private static void print(String what, long bytes) {
      System.out.println(what + " = " + bytes / MIB + " MiB");
    }

    private static void watch() {
      try {
        while (true) {
          most = Math.max(most, held());
          Thread.sleep(2);
        }
      } catch (IOException | InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }

    /** Bytes of this process that belong to no file. */
    private static long held() throws IOException {
      for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
        if (line.startsWith("RssAnon")) {
          return 1024 * Long.parseLong(line.replaceAll("\\D", ""));
        }
      }
      throw new IllegalStateException("/proc/self/status has no RssAnon");
    }
  }
}
