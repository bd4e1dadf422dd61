package io.github.peft4j.transformer.block;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonParser;
import io.github.peft4j.transformer.block.EncoderDecoder.Shift;
import io.github.peft4j.transformer.config.ModelConfig;
import org.junit.jupiter.api.Test;

/** The ids that shift_tokens_right of transformers 5.24 gives for the same labels. */
class ShiftTest {

  private static final ModelConfig CONFIG =
      ModelConfig.of(
          JsonParser.parseString(
                  "{'vocab_size': 300, 'pad_token_id': 1, 'decoder_start_token_id': 2}")
              .getAsJsonObject(),
          "config.json");
  private static final long[][] LABELS = {{7, 8, 2, 250}, {12, 9, -100, -100}};

  @SuppressWarnings("NullAway") // the stacks have no part in it
  private static long[][] shifted(Shift shift) {
    return new EncoderDecoder(null, null, shift).shiftRight(LABELS, CONFIG);
  }

  @Test
  void bartBeginsWithItsStartToken() {
    assertThat(shifted(Shift.START_TOKEN))
        .isDeepEqualTo(new long[][] {{2, 7, 8, 2}, {2, 12, 9, 1}});
  }

  @Test
  void mbartBeginsWithTheLastTokenOfTheText() {
    assertThat(shifted(Shift.LAST_TOKEN))
        .isDeepEqualTo(new long[][] {{250, 7, 8, 2}, {9, 12, 9, 1}});
  }
}
