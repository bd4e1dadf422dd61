package io.github.peft4j.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.pretrained.MiniLm;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.tuner.Trainable;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class RecipeTest {

  /** The counts are those of Hugging Face PEFT with the same settings on the same model. */
  @Test
  void trainAsManyParametersAsInPython() {
    try (PeftModel model = MiniLm.load("no", "yes")) {
      assertThat(trained(model, "head")).isEqualTo(148_610);
      assertThat(trained(model, "full")).isEqualTo(22_713_986);
      assertThat(trained(model, "top-2")).isEqualTo(3_697_538);
      assertThat(trained(model, "bitfit")).isEqualTo(174_338);
      assertThat(trained(model, "ia3")).isEqualTo(164_738);
      assertThat(trained(model, "lora")).isEqualTo(222_338);
      assertThat(trained(model, "lora-all")).isEqualTo(480_386);
      assertThat(trained(model, "dora")).isEqualTo(226_946);
      assertThat(trained(model, "adalora")).isEqualTo(259_346);
      assertThat(trained(model, "prefix")).isEqualTo(240_770);
      assertThat(trained(model, "prompt")).isEqualTo(156_290);
      assertThat(trained(model, "p-tuning")).isEqualTo(271_618);
    }
  }

  /** A Llama classifier: its head is {@code score}, its attention {@code q_proj} and so on. */
  @Test
  void takeTheModulesOfTheModelAtHand() {
    Path llama = Path.of("..", "peft-methods", "src", "test", "resources", "golden", "tiny-llama");
    Task task = Task.classification("no", "yes");
    try (PeftModel model = Peft.from(llama).task(task).load()) {
      for (String method : List.of("head", "lora", "lora-all", "ia3", "adalora", "vera")) {
        assertThat(trained(model, method)).as(method).isPositive();
      }
      model.adapt("lora", Recipe.of("lora", model.base(), 400).config());
      assertThat(model.trainableParameters().toString())
          .contains("score")
          .contains("q_proj")
          .contains("v_proj")
          .doesNotContain("k_proj");
    }
  }

  /** DistilBERT calls its queries q_lin, which no recipe names. */
  @Test
  void takeTheMethodsModulesOfAModelWithOtherNames() {
    Path model = Path.of("..", "peft-methods", "src", "test", "resources", "golden");
    Task task = Task.classification("no", "maybe", "yes");
    try (PeftModel distilBert = Peft.from(model.resolve("tiny-distilbert")).task(task).load()) {
      for (String method : List.of("lora", "dora", "adalora", "loha", "oft", "vera", "shira")) {
        assertThat(trained(distilBert, method)).as(method).isPositive();
      }
      distilBert.adapt("lora", Recipe.of("lora", distilBert.base(), 400).config());
      assertThat(distilBert.trainableParameters().toString()).contains("q_lin").contains("v_lin");
    }
  }

  private static long trained(PeftModel model, String method) {
    model.adapt(method, Recipe.of(method, model.base(), 400).config());
    long count = model.trainables().stream().mapToLong(Trainable::size).sum();
    model.remove(method);
    return count;
  }

  @Test
  void namesTheRecipesThereAre() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Recipe.requireKnown("lara"))
        .withMessageContaining("'lara'")
        .withMessageContaining("lora-all");
  }
}
