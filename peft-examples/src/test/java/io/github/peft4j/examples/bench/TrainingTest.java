package io.github.peft4j.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.PeftModel;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.Collator;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.train.step.Activations;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A speed without a sound training is no speed. */
class TrainingTest {

  private static final Shape TINY = Shape.of("tiny");
  private static final Method LORA = Method.of("lora");
  private static final Batch BATCH = Feed.even(TINY, 2, 16).batches().get(0);

  private static PeftModel model;

  @BeforeAll
  static void load() {
    model = TINY.loader().load().adapt(LORA.required());
  }

  @AfterAll
  static void close() {
    model.close();
  }

  @Test
  void aTrainingThatLearnsHasNumbers() {
    try (Training training = new Training(model, LORA, Activations.KEPT, Optimizers.ADAMW)) {
      for (int i = 0; i < 5; i++) {
        training.run(BATCH);
      }

      assertThat(training.check(BATCH))
          .containsKeys("trainable", "first_loss", "loss", "gradient_norm");
    }
  }

  /** B is zero before the first step, so that no gradient reaches A. */
  @Test
  void gradientsOfZerosAreFound() {
    try (PeftModel fresh = TINY.loader().load().adapt(LORA.required());
        Training training = new Training(fresh, LORA, Activations.KEPT, Optimizers.ADAMW)) {
      assertThatThrownBy(() -> training.check(BATCH))
          .isInstanceOf(UnsoundException.class)
          .hasMessageContaining("14 of 28 trained tensors have no gradient, or one of zeros");
    }
  }

  /** What has been learnt has a lower loss than what has not. */
  @Test
  void aLossThatDoesNotFallIsFound() {
    try (Training before = new Training(model, LORA, Activations.RECOMPUTED, Optimizers.ADAMW)) {
      for (int i = 0; i < 80; i++) {
        before.run(BATCH);
      }
    }
    long[] unseen = LongStream.range(0, 16).map(i -> 2 * i + 1).toArray();
    Batch other = new Collator(0).collate(List.of(EncodedExample.ofTokens(unseen, unseen)));
    try (Training training = new Training(model, LORA, Activations.KEPT, Optimizers.ADAMW)) {
      training.run(BATCH);

      assertThatThrownBy(() -> training.check(other))
          .isInstanceOf(UnsoundException.class)
          .hasMessageContaining("the loss does not fall");
    }
  }
}
