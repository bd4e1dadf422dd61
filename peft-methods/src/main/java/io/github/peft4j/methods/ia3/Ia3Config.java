package io.github.peft4j.methods.ia3;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.TargetedConfig;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of (IA)³ (Liu et al. 2022, arXiv:2205.05638), with the names and defaults of Hugging
 * Face PEFT's IA3Config.
 *
 * @param targetModules the modules that get an adapter; null for keys, values and the last map of
 *     the feed-forward network
 * @param excludeModules modules to leave out of those, or null for none
 * @param feedforwardModules the target modules whose input is scaled instead of their output; null
 *     for the last map of the feed-forward network
 * @param modulesToSave modules that are fully trained and saved with the adapter, or null for none
 * @param initIa3Weights true to start the vectors at 1, without an effect; false to draw them from
 *     a normal distribution; true
 * @param fanInFanOut whether PEFT finds the weights stored as (in, out), as in GPT-2's Conv1D.
 *     peft4j reads the layout from the model
 */
@Withers
public record Ia3Config(
    @Nullable TargetModules targetModules,
    @Nullable TargetModules excludeModules,
    @Nullable TargetModules feedforwardModules,
    @Nullable List<String> modulesToSave,
    boolean initIa3Weights,
    boolean fanInFanOut)
    implements TargetedConfig<Ia3Config>, Ia3ConfigWithers {

  /** Checks the values. */
  public Ia3Config {
    List<String> targets = targetModules == null ? null : targetModules.suffixes();
    List<String> inputs = feedforwardModules == null ? null : feedforwardModules.suffixes();
    Configs.require(
        targets == null || inputs == null || inputs.stream().allMatch(i -> means(targets, i)),
        Ia3Config.class,
        "feedforward_modules",
        inputs,
        "some of target_modules " + targets);
  }

  /**
   * Whether a name is among the targets, or is an ending of a name that {@code all-linear} was
   * resolved to.
   */
  private static boolean means(List<String> targets, String input) {
    return targets.stream().anyMatch(t -> t.equals(input) || t.endsWith("." + input));
  }

  /** PEFT's defaults. */
  public static Ia3Config defaults() {
    return Configs.withDefaults(Ia3Config.class);
  }

  /**
   * A copy that scales the input of these modules, whether or not target_modules names them: PEFT's
   * tables do not depend on target_modules.
   */
  Ia3Config feedForward(TargetModules modules) {
    List<String> targets = targetModules == null ? null : targetModules.suffixes();
    List<String> inputs = modules.suffixes();
    boolean named =
        targets == null || inputs == null || inputs.stream().allMatch(i -> means(targets, i));
    TargetModules expressed =
        named
            ? modules
            : TargetModules.matching(
                "(.*\\.)?(" + String.join("|", inputs).replace(".", "\\.") + ")");
    return feedforwardModules(expressed);
  }

  /** Whether the adapter of a module scales its input rather than its output. */
  public boolean scalesInput(LinearSite site) {
    return feedforwardModules == null
        ? site.role() == LinearSite.Role.DOWN
        : feedforwardModules.matches(site.name());
  }
}
