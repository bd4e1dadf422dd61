package io.github.peft4j.train.parallel;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import io.github.peft4j.AdapterTraining;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.Collator;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.toy.TinyLlama;
import io.github.peft4j.toy.ToyConfig;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.optimizer.AdamW;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.tuner.training.ParameterGroup;
import io.github.peft4j.tuner.training.TrainingRule;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReplicasTest {

  private static final ReplicaSettings SETTINGS =
      new ReplicaSettings(
          Activations.KEPT,
          0,
          TrainingRule.ALIKE,
          new ParameterGroup(1e-2, 0.01),
          1,
          adapter -> AdamW.DEFAULT,
          Objective::of);

  @TempDir Path folder;

  private static Part part(long seed) {
    long[] ids = {1, 5, 7, 9 + seed};
    Batch batch = new Collator(0).collate(List.of(EncodedExample.ofTokens(ids, ids)));
    return new Part(batch, seed);
  }

  /** With fewer parts than devices, with as many, and with more. */
  @Test
  void allReplicasHaveTheSameTensorsAfterEachUpdate() throws IOException {
    TinyLlama.write(folder);
    try (PeftModel model =
        Peft.from(folder)
            .device(Device.cpu())
            .load()
            .adapt(ToyConfig.of(1, 0).targetModules("all-linear"))) {
      long live = Tensors.live();
      float[] before = Tensors.floats(model.trainables().get(0).value());
      try (AdapterTraining training = model.train(PeftModel.DEFAULT);
          Replicas replicas =
              new Replicas(training, List.of(Device.cpu(), Device.cpu()), SETTINGS, 4)) {
        assertThat(replicas.areAlike()).isTrue();
        for (int parts : new int[] {1, 3, 5, 2}) {
          replicas.backpropagate(
              IntStream.range(0, parts).mapToObj(ReplicasTest::part).toList(), 1.0 / parts);
          replicas.share(1);
          replicas.each(replica -> replica.update().run(1, 4, 1e-2, 0));
          assertThat(replicas.areAlike()).as("alike after %d parts", parts).isTrue();
        }
        replicas.first().tensors().all().values().iterator().next().muli(2);
        assertThat(replicas.areAlike()).isFalse();
        replicas.bringTogether(4, 4);
        assertThat(replicas.areAlike()).isTrue();
      }
      assertThat(Tensors.floats(model.trainables().get(0).value())).isNotEqualTo(before);
      assertThat(Tensors.live()).isLessThanOrEqualTo(live + model.trainables().size());
    }
  }
}
