package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.pass.KeptStates;
import io.github.peft4j.transformer.pass.KeyValueCache;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import java.util.Collections;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * An encoder and a decoder whose layers attend to the encoder's output: tokens (B, S) and (B, U) →
 * hidden states (B, n + U, D). With a cache, the encoder runs once.
 */
public record EncoderDecoder(Stack encoder, Stack decoder, Shift shift) implements Body {

  /** What a decoder's input begins with in training, before all labels except the last. */
  public enum Shift {
    /** {@code decoder_start_token_id}. */
    START_TOKEN,
    /** The last label that is not padding, which is the language's id in mBART. */
    LAST_TOKEN
  }

  private static final String MEMORY = "memory";
  private static final String MASK = "memory.mask";

  @Override
  public NDArray forward(ModelInput input, Pass pass) {
    NDArray ids = input.decoderIds();
    if (ids == null) {
      throw new IllegalArgumentException(
          "an encoder-decoder also needs the decoder's input ids: call input.decoding(ids)");
    }
    if (input.texts() != null) {
      throw new IllegalArgumentException(
          "rows of this input hold several texts, which an encoder-decoder cannot keep apart;"
              + " give each text a row (train without packing)");
    }
    KeyValueCache cache = pass.cache();
    NDArray known = cache == null ? null : cache.get(MEMORY);
    if (cache != null && known != null) {
      pass.remember(known, cache.get(MASK));
    } else {
      read(input, pass, cache);
    }
    KeptStates.Rows kept = input.kept();
    ModelInput written = ModelInput.of(ids).keeping(kept == null ? null : kept.ofDecoder());
    return decoder.forward(written, pass);
  }

  private void read(ModelInput input, Pass pass, @Nullable KeyValueCache cache) {
    Pass reading = pass.beside();
    NDArray memory = pass.tape().share(encoder.forward(input, reading));
    NDArray mask = reading.wholeMask();
    pass.remember(memory, mask);
    if (cache != null) {
      cache.once(MEMORY, memory::duplicate);
      if (mask != null) {
        cache.once(MASK, mask::duplicate);
      }
    }
  }

  /**
   * The encoder reads the prompts. The decoder starts with {@code decoder_start_token_id}, or else
   * {@code bos_token_id}, of generation_config.json or config.json.
   */
  @Override
  public Opening open(List<long[]> prompts, ModelConfig config) {
    long start =
        Stream.of("decoder_start_token_id", "bos_token_id")
            .flatMap(field -> Stream.of(config.generation(), config).map(c -> c.integers(field)))
            .flatMap(List::stream)
            .findFirst()
            .orElseThrow(
                () -> config.error("decoder_start_token_id", null, "the id that texts start with"));
    if (start < 0 || start >= config.size("vocab_size")) {
      throw config.error(
          "decoder_start_token_id", start, "an id below vocab_size, " + config.size("vocab_size"));
    }
    return new Opening(prompts, Collections.nCopies(prompts.size(), new long[] {start}));
  }

  @Override
  public long[][] shiftRight(long[][] labels, ModelConfig config) {
    long pad = config.tokenId("pad_token_id");
    long start = shift == Shift.START_TOKEN ? config.tokenId("decoder_start_token_id") : pad;
    return Stream.of(labels)
        .map(row -> LongStream.of(row).map(id -> id == LossTargets.IGNORED ? pad : id).toArray())
        .map(row -> after(shift == Shift.START_TOKEN ? start : last(row, pad), row))
        .toArray(long[][]::new);
  }

  private static long[] after(long first, long[] row) {
    long[] shifted = new long[row.length];
    shifted[0] = first;
    System.arraycopy(row, 0, shifted, 1, row.length - 1);
    return shifted;
  }

  /** As transformers finds it: padding is behind all other tokens. */
  private static long last(long[] row, long pad) {
    long real = LongStream.of(row).filter(id -> id != pad).count();
    return row[(int) Math.max(0, real - 1)];
  }

  @Override
  public List<Stack> stacks() {
    return List.of(encoder, decoder);
  }
}
