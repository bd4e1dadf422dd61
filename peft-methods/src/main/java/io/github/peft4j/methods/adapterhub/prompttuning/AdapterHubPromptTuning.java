package io.github.peft4j.methods.adapterhub.prompttuning;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.methods.common.prompt.ModelShape;
import io.github.peft4j.methods.common.prompt.WordVectors;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.InputSite;
import java.util.Objects;

/**
 * Prompt tuning (Lester et al. 2021, arXiv:2104.08691) as AdapterHub's {@code adapters} 1.3.0
 * computes it ({@code methods/prompt_tuning.py}). Unlike in {@link
 * io.github.peft4j.methods.prompttuning.PromptTuning}, the vectors are inserted after the embedding
 * layer, so they get no position, segment or norm.
 */
public final class AdapterHubPromptTuning extends BaseMethod<AdapterHubPromptConfig> {

  /** The method. */
  public AdapterHubPromptTuning() {
    super("ADAPTERHUB_PROMPT_TUNING", AdapterHubPromptConfig.class);
  }

  @Override
  public void inject(AdapterHubPromptConfig config, Sites sites) {
    InputSite input = sites.all(InputSite.class).get(0);
    long d = input.embedding().dimension();
    long hidden = ModelShape.hidden(sites, input);
    if (d != hidden) {
      throw new UnsupportedMethodException(
          "AdapterHub's prompt tuning on a model whose token vectors have "
              + d
              + " dimensions and whose layers have "
              + hidden
              + "; expected equal numbers. PromptTuningConfig runs on this model");
    }
    sites.rewrite(input, new AdapterHubPrompt(initial(config, input, sites)));
  }

  private static NDArray initial(AdapterHubPromptConfig config, InputSite input, Sites sites) {
    int n = config.promptLength();
    return config.promptInit() == AdapterHubPromptInit.RANDOM_UNIFORM || !sites.isFresh()
        ? sites.initial().uniform(0.5, n, input.embedding().dimension())
        : WordVectors.of(
            Objects.requireNonNull(config.promptInitText()),
            n,
            "AdapterHubPromptConfig: field 'prompt_init_text'",
            input,
            sites);
  }
}
