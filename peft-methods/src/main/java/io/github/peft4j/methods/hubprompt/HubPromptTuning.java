package io.github.peft4j.methods.hubprompt;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.AdapterHubMethod;
import io.github.peft4j.methods.prompt.WordVectors;
import io.github.peft4j.tuner.InputSite;
import io.github.peft4j.tuner.Site;
import io.github.peft4j.tuner.Sites;
import java.util.List;
import java.util.Objects;

/**
 * Prompt tuning (Lester et al. 2021, arXiv:2104.08691) as AdapterHub's library {@code adapters}
 * 1.3.0 computes it ({@code methods/prompt_tuning.py}): like {@link
 * io.github.peft4j.methods.prompttuning.PromptTuning}, but the vectors come in front of embeddings
 * that have their positions, segments and norm already.
 */
public final class HubPromptTuning implements AdapterHubMethod<HubPromptConfig> {

  @Override
  public String type() {
    return "ADAPTERHUB_PROMPT_TUNING";
  }

  @Override
  public String architecture() {
    return "prompt_tuning";
  }

  @Override
  public Class<HubPromptConfig> configType() {
    return HubPromptConfig.class;
  }

  @Override
  public void inject(HubPromptConfig config, Sites sites) {
    InputSite input = sites.all(InputSite.class).get(0);
    sites.rewrite(input, new HubPrompt(initial(config, input, sites)));
  }

  private static NDArray initial(HubPromptConfig config, InputSite input, Sites sites) {
    int n = config.promptLength();
    return config.promptInit() == HubPromptInit.RANDOM_UNIFORM || !sites.isFresh()
        ? sites.initial().uniform(0.5, n, input.embedding().dimension())
        : WordVectors.of(
            Objects.requireNonNull(config.promptInitText()),
            n,
            "HubPromptConfig: field 'prompt_init_text'",
            input,
            sites);
  }

  @Override
  public List<String> adapterHubNames(Site<?, ?> site, String key, String adapter) {
    String body = AdapterHubMethod.body(((InputSite) site).stack());
    return List.of(body + "prompt_tuning.prompt_tunings." + adapter + "." + key);
  }
}
