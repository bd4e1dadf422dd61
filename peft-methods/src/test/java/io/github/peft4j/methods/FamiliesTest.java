package io.github.peft4j.methods;

import static io.github.peft4j.methods.adapter.Closeness.assertClose;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.pass.ModelInput;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every method runs on every family, or says what the family lacks. {@link MethodsTest} looks
 * closer at the methods on a few families, and the golden cases compare both with Hugging Face's.
 */
@ExtendWith(NamedFailures.class)
class FamiliesTest {

  private static final List<String> FAMILIES =
      List.of(
          "albert",
          "deberta",
          "deberta-v3",
          "distilbert",
          "electra",
          "modernbert",
          "mpnet",
          "roberta");

  /** Configs that name modules of the models in {@link TinyModel}. */
  private static final List<String> NAMED =
      List.of("TiedLora", "TiedDora", "LoraOnTensors", "DoraOfEmbeddings", "OftOfEmbeddings");

  /** What is refused, by method and families, with words of the reason. */
  private static final Map<String, String> REFUSED =
      Map.of(
          "AdapterHubPrompt on albert", "token vectors have 8",
          "AdapterHubPrompt on electra", "token vectors have 8");

  private static final long[][] IDS = {{5, 6, 7, 8, 9}, {9, 4, 30, 5, 0}};
  private static final long[][] MASK = {{1, 1, 1, 1, 1}, {1, 1, 1, 1, 0}};

  @TempDir Path folder;

  static Stream<Arguments> cases() {
    return FAMILIES.stream()
        .flatMap(
            family ->
                MethodsTest.methods()
                    .filter(method -> method.fits().test(TinyModel.BERT))
                    .filter(method -> !NAMED.contains(method.name()))
                    .map(method -> Arguments.of(method, family)));
  }

  private static PeftModel load(String family) throws URISyntaxException {
    Path folder =
        Path.of(requireNonNull(FamiliesTest.class.getResource("/golden/tiny-" + family)).toURI());
    return Peft.from(folder).device(Device.cpu()).load();
  }

  private static float[] logits(PeftModel model) {
    try (NDArray logits = model.logits(ModelInput.of(model.base().manager(), IDS, MASK))) {
      return Tensors.floats(logits);
    }
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("cases")
  void aMethodRunsAndItsAdapterComesBack(MethodCase method, String family)
      throws URISyntaxException {
    String reason = REFUSED.get(method.name() + " on " + family);
    try (PeftModel model = load(family)) {
      if (reason != null) {
        assertThatThrownBy(() -> model.adapt(method.config())).hasMessageContaining(reason);
        return;
      }
      float[] frozen = logits(model);
      model.adapt(method.config());
      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 11);
      float[] adapted = logits(model);
      assertThat(adapted).doesNotContain(Float.NaN).isNotEqualTo(frozen);
      model.save(folder.toString());
      try (PeftModel again = load(family)) {
        again.loadAdapter(folder.toString());
        assertClose("loaded logits", logits(again), adapted, 1e-6);
      }
      if (method.merges()) {
        model.merge();
        assertClose("merged logits", logits(model), adapted, 1e-3);
      }
    }
  }
}
