package io.github.peft4j.methods.ia3;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.TargetedConfig;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of (IA)³, with the names and defaults of Hugging Face PEFT's IA3Config.
 *
 * @param targetModules which modules; null for keys, values and the last map of the feed-forward
 *     network
 * @param excludeModules which of those not, or null
 * @param feedforwardModules which of the targets are scaled on their input; null for the last map
 *     of the feed-forward network
 * @param modulesToSave modules trained whole and saved with the adapter, or null
 * @param initIa3Weights whether the vectors start at 1, without an effect, or normal
 * @param fanInFanOut what PEFT is told about transposed weights; read off the model here
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

  /** Whether a name is among the targets, or an ending of one that all-linear was resolved to. */
  private static boolean means(List<String> targets, String input) {
    return targets.stream().anyMatch(t -> t.equals(input) || t.endsWith("." + input));
  }

  /** PEFT's defaults. */
  public static Ia3Config defaults() {
    return Configs.withDefaults(Ia3Config.class);
  }

  /**
   * With these of the targets scaled on their input, whatever the targets call them: PEFT's tables
   * do not ask which the config names.
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

  /** Whether a module is scaled on its input. */
  boolean scalesInput(LinearSite site) {
    return feedforwardModules == null
        ? site.role() == LinearSite.Role.DOWN
        : feedforwardModules.matches(site.name());
  }
}
