package io.github.peft4j.methods.prompttuning;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.methods.common.prompt.ModelShape;
import io.github.peft4j.methods.common.prompt.WordVectors;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.InputSite;
import java.util.Objects;
import java.util.Random;
import java.util.stream.LongStream;

/** Prompt tuning: n trainable vectors before those of the input (Lester et al. 2021). */
public final class PromptTuning extends BaseMethod<PromptTuningConfig> {

  /** The method. */
  public PromptTuning() {
    super("PROMPT_TUNING", PromptTuningConfig.class);
  }

  @Override
  public PromptTuningConfig complete(PromptTuningConfig config, Sites sites) {
    ModelShape shape = ModelShape.of(sites).counting(config.tokens());
    PromptTuningConfig complete = shape.settle(config, shape.tokenDim(), shape.numAttentionHeads());
    return config.promptTuningInit() == PromptTuningInit.TEXT
            && config.tokenizerNameOrPath() == null
        ? complete.tokenizerNameOrPath(sites.words().name())
        : complete;
  }

  /** PEFT trains as many vectors for the decoder as for the encoder, but reads only the first n. */
  @Override
  public void inject(PromptTuningConfig config, Sites sites) {
    InputSite input = sites.all(InputSite.class).get(0);
    int n = config.tokens().numVirtualTokens();
    int rows = config.tokens().rows();
    NDArray initial = initial(config, rows, input, sites);
    sites.rewrite(input, new Prompt(initial, n));
  }

  private static NDArray initial(
      PromptTuningConfig config, int rows, InputSite input, Sites sites) {
    if (config.promptTuningInit() == PromptTuningInit.RANDOM || !sites.isFresh()) {
      return sites.initial().normal(1, rows, input.embedding().dimension());
    }
    return config.promptTuningInit() == PromptTuningInit.TEXT
        ? WordVectors.of(
            Objects.requireNonNull(config.promptTuningInitText()),
            rows,
            "PromptTuningConfig: field 'prompt_tuning_init_text'",
            input,
            sites)
        : WordVectors.of(
            sampled(sites.initial().random(), input.embedding().entries(), rows), input, sites);
  }

  private static long[] sampled(Random random, long entries, int size) {
    return LongStream.range(0, size).map(i -> (long) (random.nextDouble() * entries)).toArray();
  }
}
