package io.github.peft4j.generate.logits;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.gson.Gson;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ProcessorsTest {

  /** What is in processors.json. */
  private record Expected(
      List<long[]> ids, List<long[]> prompts, float[] logits, Map<String, Double[]> processed) {}

  private static final Map<String, LogitsProcessor> PROCESSORS =
      Map.of(
          "repetitionPenalty", Processors.repetitionPenalty(1.3),
          "encoderRepetitionPenalty", Processors.encoderRepetitionPenalty(1.3),
          "noRepeatNgrams", Processors.noRepeatNgrams(2),
          "noRepeatUnigrams", Processors.noRepeatNgrams(1),
          "encoderNoRepeatNgrams", Processors.encoderNoRepeatNgrams(2),
          "badWords",
              Processors.badWords(
                  List.of(List.of(9L), List.of(4L, 6L), List.of(1L, 7L, 8L), List.of(2L, 7L, 8L))),
          "normalization", Processors.normalization());

  private NDManager manager;

  @BeforeEach
  void open() {
    manager = Tensors.newManager(Device.cpu());
  }

  @AfterEach
  void close() {
    manager.close();
  }

  private static Expected expected() throws IOException {
    try (InputStreamReader reader =
        new InputStreamReader(
            Objects.requireNonNull(
                ProcessorsTest.class.getResourceAsStream("/generation/processors.json")),
            StandardCharsets.UTF_8)) {
      return new Gson().fromJson(reader, Expected.class);
    }
  }

  private static Draft draft(long[] prompt, long... ids) {
    Draft draft = Draft.of(prompt, Arrays.copyOf(ids, 1));
    for (int i = 1; i < ids.length; i++) {
      draft = draft.append(ids[i]);
    }
    return draft;
  }

  private float[] process(LogitsProcessor processor, List<Draft> drafts, float... logits) {
    try (Scope scope = new Scope()) {
      int rows = drafts.size();
      NDArray array = manager.create(logits, new Shape(rows, logits.length / rows));
      float[] processed = Tensors.floats(processor.process(drafts, array));
      assertThat(Tensors.floats(array)).as("the argument").isEqualTo(logits);
      return processed;
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "repetitionPenalty",
        "encoderRepetitionPenalty",
        "noRepeatNgrams",
        "noRepeatUnigrams",
        "encoderNoRepeatNgrams",
        "badWords",
        "normalization"
      })
  void computesWhatTransformersComputes(String name) throws IOException {
    Expected expected = expected();
    List<Draft> drafts =
        IntStream.range(0, 2)
            .mapToObj(row -> draft(expected.prompts().get(row), expected.ids().get(row)))
            .toList();

    float[] processed =
        process(Objects.requireNonNull(PROCESSORS.get(name)), drafts, expected.logits());

    Double[] values = Objects.requireNonNull(expected.processed().get(name));
    assertThat(processed).hasSameSizeAs(values);
    for (int i = 0; i < values.length; i++) {
      if (values[i] == null) {
        assertThat(processed[i]).as("element %d", i).isEqualTo(Float.NEGATIVE_INFINITY);
      } else {
        assertThat((double) processed[i]).as("element %d", i).isCloseTo(values[i], within(1e-6));
      }
    }
  }

  @Test
  void bansOnlyWhereTheConditionHolds() {
    LogitsProcessor processor = Processors.suppress(Set.of(1L, 99L), draft -> draft.length() < 3);
    List<Draft> drafts = List.of(draft(new long[] {5}, 5), draft(new long[] {5}, 5, 6, 7));

    assertThat(process(processor, drafts, 1, 2, 3, 4))
        .as("99 is not in the vocabulary")
        .containsExactly(1, Float.NEGATIVE_INFINITY, 3, 4);
  }

  @Test
  void forcesOnlyWhereTheConditionHolds() {
    LogitsProcessor processor =
        Processors.force("forced", List.of(0L), draft -> draft.newTokens() == 1);
    List<Draft> drafts = List.of(draft(new long[] {5}, 5, 6), draft(new long[] {5}, 5));

    assertThat(process(processor, drafts, 1, 2, 3, 4))
        .containsExactly(0, Float.NEGATIVE_INFINITY, 3, 4);
  }

  @Test
  void aForcedTokenThatTheModelLacksIsAnError() {
    LogitsProcessor processor = Processors.force("forcedEosTokenId", List.of(9L), draft -> true);

    assertThatThrownBy(() -> process(processor, List.of(draft(new long[] {1}, 1)), 1, 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("forcedEosTokenId is [9]; expected ids from 0 to 1");
  }

  @Test
  void aBadWordThatTheModelLacksIsAnError() {
    LogitsProcessor processor = Processors.badWords(List.of(List.of(1L), List.of(0L, 9L)));

    assertThatThrownBy(() -> process(processor, List.of(draft(new long[] {1}, 1)), 1, 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("badWordsIds is [[1], [0, 9]]; expected ids from 0 to 1");
  }

  @Test
  void aChainSeesFloat32InOrder() {
    LogitsProcessor typed =
        (drafts, logits) -> {
          assertThat(logits.getDataType()).isEqualTo(ai.djl.ndarray.types.DataType.FLOAT32);
          return logits;
        };
    LogitsProcessor chain =
        Processors.chain(
            List.of(
                typed,
                LogitsProcessor.banning(draft -> LongStream.of(0)),
                Processors.normalization()));
    try (Scope scope = new Scope()) {
      NDArray half =
          Tensors.cast(manager.create(new float[] {5, 1, 1}, new Shape(1, 3)), Precision.BFLOAT16);

      float[] processed = Tensors.floats(chain.process(List.of(draft(new long[] {1}, 1)), half));

      assertThat(processed[0]).isEqualTo(Float.NEGATIVE_INFINITY);
      assertThat(processed[1]).isCloseTo((float) Math.log(0.5), within(1e-6f));
    }
  }

  @Test
  void aProcessorThatChangesTheShapeIsNamed() {
    LogitsProcessor flat = (drafts, logits) -> logits.flatten();
    LogitsProcessor chain = Processors.chain(List.of(flat));

    assertThatThrownBy(() -> process(chain, List.of(draft(new long[] {1}, 1)), 1, 2))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("made shape (2) of (1, 2)");
  }

  @Test
  void draftsDoNotChange() {
    Draft draft = Draft.of(new long[] {4, 5}, new long[] {1});
    Draft longer = draft.append(7).append(8);

    assertThat(draft.ids()).containsExactly(1);
    assertThat(longer.ids()).containsExactly(1, 7, 8);
    assertThat(longer.newIds()).containsExactly(7, 8);
    assertThat(longer.newTokens()).isEqualTo(2);
    assertThat(longer.last()).isEqualTo(8);
    assertThat(longer.prompt()).containsExactly(4, 5);
  }
}
