package io.github.peft4j.methods;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.peft4j.PeftModel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.Decoding;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.pass.ModelInput;
import java.util.Arrays;
import java.util.List;

/** A text that is written token by token has the logits of one that is read. */
final class WrittenAsRead {

  /** Whether the pass of a token is a repeated step. */
  private static final String REPEATED = "peft4j.repeatedSteps";

  private WrittenAsRead() {}

  /** Checks a decoder, with repeated steps and without. */
  static void check(PeftModel model, long... text) {
    float[] read = logits(model, text);
    int width = read.length / text.length;
    for (String repeated : List.of("false", "true")) {
      System.setProperty(REPEATED, repeated);
      try (ModelCall call = model.newCall();
          Decoding written = call.decode(List.of(new long[] {text[0]}), 0);
          Scope scope = new Scope()) {
        for (int i = 0; i < text.length; i++) {
          assertThat(Tensors.floats(written.logits()))
              .as("repeated: %s, step %d", repeated, i)
              .containsExactly(Arrays.copyOfRange(read, i * width, (i + 1) * width), within(1e-4f));
          if (i + 1 < text.length) {
            written.append(new long[] {text[i + 1]}, new boolean[] {true});
          }
        }
      } finally {
        System.clearProperty(REPEATED);
      }
    }
  }

  private static float[] logits(PeftModel model, long... text) {
    try (ModelCall call = model.newCall();
        Scope scope = new Scope()) {
      return Tensors.floats(
          call.logits(ModelInput.of(model.base().manager(), new long[][] {text}, null)));
    }
  }
}
