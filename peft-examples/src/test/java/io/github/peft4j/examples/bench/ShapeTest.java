package io.github.peft4j.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import io.github.peft4j.PeftModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ShapeTest {

  /** The counts of the models that the shapes are named after, by transformers. */
  @ParameterizedTest
  @CsvSource({
    "minilm, 22713216",
    "smollm2-135m, 134515008",
    "1b, 1235814400",
    "3b, 3212749824",
    "8b, 8030261248",
    "70b, 70553706496"
  })
  void hasAsManyParametersAsTheModel(String name, long parameters) {
    RandomTensors weights = Shape.of(name).weights();

    assertThat(weights.names().stream().mapToLong(each -> weights.info(each).elementCount()).sum())
        .isEqualTo(parameters);
  }

  @Test
  void aHeadOfItsOwnIsLoaded() {
    JsonObject config = Shape.of("tiny").config().deepCopy();
    config.addProperty("tie_word_embeddings", false);
    Shape untied = new Shape("untied", config);

    try (PeftModel model = untied.loader().load()) {
      assertThat(model.tokenizer().encode("t0 t2 t510")).containsExactly(0, 2, 510);
      assertThat(untied.weights().names()).contains("lm_head.weight");
    }
  }

  @Test
  void weightsAreTheSameEachTime() {
    RandomTensors weights = Shape.of("tiny").weights();
    float[] query = weights.floats("model.layers.0.self_attn.q_proj.weight");

    assertThat(query).isEqualTo(weights.floats("model.layers.0.self_attn.q_proj.weight"));
    assertThat(query).isNotEqualTo(weights.floats("model.layers.1.self_attn.q_proj.weight"));
    assertThat(query).doesNotContain(0).hasSize(64 * 64);
    assertThat(weights.floats("model.norm.weight")).containsOnly(1);
    assertThat(Shape.of("minilm").weights().floats("bert.pooler.dense.bias")).containsOnly(0);
  }
}
