package io.github.peft4j.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.modality.Classifications;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.pretrained.MiniLm;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MiniLmTest {

  private static final String TEXT = "The parcel never came.";

  /** It comes out of jars, and yet its merged folder has all that a folder needs. */
  @Test
  void aMergedFolderLoadsAgain(@TempDir Path folder) {
    Classifications before;
    try (PeftModel model = MiniLm.load("billing", "shipping").adapt(LoraConfig.ofRank(2))) {
      model.saveMerged(folder.toString());
      before = model.classify(TEXT);
    }
    try (PeftModel again = Peft.load(folder.toString())) {
      assertThat(again.classify(TEXT).get("shipping").getProbability())
          .isCloseTo(before.get("shipping").getProbability(), within(1e-5));
      assertThat(again.base().task().labels()).containsExactly("billing", "shipping");
    }
  }
}
