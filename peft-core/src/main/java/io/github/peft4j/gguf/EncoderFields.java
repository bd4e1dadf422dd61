package io.github.peft4j.gguf;

import java.util.Arrays;

/** The fields of encoders. */
final class EncoderFields {

  private static final String CAUSAL = "attention.causal";
  private static final String POOLING = "pooling_type";

  private EncoderFields() {}

  /** Each token sees those before it and behind it. */
  static Field bothWays() {
    return Field.of(
        (from, config) -> {
          if (from.findFlag(CAUSAL).orElse(true)) {
            throw from.unsupported(CAUSAL, true, "false");
          }
        },
        (config, to) -> to.flag(CAUSAL, false));
  }

  /** How states become vectors, which is no field of config.json: {@link GgufPooling}. */
  static Field pooling() {
    return Field.of((from, config) -> from.ignore(POOLING), (config, to) -> to.pooling(POOLING));
  }

  /** How a file says that states become vectors; {@code UNSAID} if it does not. */
  static GgufPooling pooling(FileKeys from) {
    long id = from.findInteger(POOLING).orElse(GgufPooling.UNSAID.id());
    return GgufPooling.of(id)
        .orElseThrow(
            () ->
                from.unsupported(
                    POOLING, id, "1 for the mean, 2 for the first token or 3 for the last one"));
  }

  /** The number of segments: the rows of their table. */
  static Field segments() {
    return Field.of(
        (from, config) -> {
          long[] table = from.shape("token_types.weight");
          if (table.length != 2) {
            throw from.unsupported(
                "token_types.weight",
                Arrays.toString(table),
                "a table, (segments, embedding_length)");
          }
          config.addProperty("type_vocab_size", table[0]);
        },
        (config, to) -> {});
  }
}
