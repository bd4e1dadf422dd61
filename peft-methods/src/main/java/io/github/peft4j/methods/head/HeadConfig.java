package io.github.peft4j.methods.head;

import io.github.peft4j.PeftConfig;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of {@link Head}.
 *
 * @param modulesToSave the modules that are trained, by suffix, besides a classifier, which always
 *     is
 */
public record HeadConfig(@Nullable List<String> modulesToSave) implements PeftConfig {

  /** Trains these modules and a classifier. */
  public static HeadConfig training(String... modules) {
    return new HeadConfig(List.of(modules));
  }
}
