package io.github.peft4j.examples.bench;

import io.github.peft4j.train.optimizer.AdamW;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** AdamW, and how its moments are kept, by the names that programs take. */
public enum Optimizers {
  ADAMW(AdamW.DEFAULT),
  ADAMW_8BIT(AdamW.DEFAULT.eightBit()),
  PAGED_ADAMW(AdamW.DEFAULT.paged()),
  PAGED_ADAMW_8BIT(AdamW.DEFAULT.eightBit().paged());

  private final AdamW.Settings settings;

  Optimizers(AdamW.Settings settings) {
    this.settings = settings;
  }

  /** What it is made of. */
  public AdamW.Settings settings() {
    return settings;
  }

  /**
   * The optimizer of a name, such as {@code adamw-8bit}.
   *
   * @throws IllegalArgumentException if there is no such name
   */
  public static Optimizers of(String name) {
    List<String> names = Arrays.stream(values()).map(Optimizers::toString).toList();
    int index = names.indexOf(name);
    if (index < 0) {
      throw new IllegalArgumentException(
          "--optimizer is '" + name + "', expected one of " + String.join(", ", names));
    }
    return values()[index];
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
