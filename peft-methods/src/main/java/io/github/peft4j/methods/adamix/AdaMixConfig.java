package io.github.peft4j.methods.adamix;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.methods.bottleneck.BottleneckConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of AdaMix on bottleneck adapters (Wang et al. 2022, arXiv:2205.12410).
 *
 * @param adapter the adapter that each expert is, without Kronecker products; by default the one of
 *     the authors' code: after the feed-forward network, with GELU
 * @param experts how many there are, and what they share; 4 maps down and one map up
 */
@Withers
public record AdaMixConfig(BottleneckConfig adapter, Experts experts)
    implements PeftConfig, Mixture, AdaMixConfigWithers {

  /** Checks the values. */
  public AdaMixConfig {
    experts.check(AdaMixConfig.class);
    Configs.check(AdaMixConfig.class)
        .that(
            !adapter.phm().phmLayer(),
            "phm_layer",
            adapter.phm().phmLayer(),
            "false: experts are dense maps");
  }

  /** The default of each field of {@code adapter_config.json}. */
  public static AdaMixConfig defaults() {
    return Configs.withDefaults(AdaMixConfig.class);
  }

  /** The defaults with experts of another shape. */
  public static AdaMixConfig of(BottleneckConfig adapter) {
    return defaults().adapter(adapter);
  }

  @Override
  public PeftConfig averaged() {
    return adapter;
  }

  @Override
  public @Nullable List<String> modulesToSave() {
    return adapter.modulesToSave();
  }
}
