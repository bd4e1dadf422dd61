package io.github.peft4j;

import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.site.Rewrite;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Trainable parameter counts of the active adapters, total and per module. Frozen adapters count
 * nothing.
 *
 * @param trainable number of trainable elements
 * @param all number of all elements, frozen and trainable
 * @param modules number of trainable elements by module name, with {@code *} for layer numbers
 */
public record TrainableParameters(long trainable, long all, Map<String, Long> modules) {

  static TrainableParameters of(PeftModel model) {
    Map<String, Long> modules = new LinkedHashMap<>();
    Set<Trainable> counted = new LinkedHashSet<>();
    long buffers = 0;
    for (String name : model.active().adapters()) {
      Adapter adapter = model.adapter(name);
      for (Rewrite rewrite : adapter.rewrites()) {
        for (Trainable tensor : rewrite.layer().trainables()) {
          if (tensor.isBuffer() || adapter.isFrozen()) {
            buffers += tensor.isBeside() ? 0 : tensor.size();
          } else if (counted.add(tensor)) {
            modules.merge(
                rewrite.site().name().replaceAll("\\.\\d+\\.", ".*."), tensor.size(), Long::sum);
          }
        }
      }
    }
    long trainable = counted.stream().mapToLong(Trainable::size).sum();
    return new TrainableParameters(trainable, model.base().size() + trainable + buffers, modules);
  }

  /** The trainable share of all elements, in percent. */
  public double percent() {
    return 100.0 * trainable / all;
  }

  @Override
  public String toString() {
    StringBuilder text =
        new StringBuilder(
            String.format(
                Locale.ROOT,
                "trainable params: %,d || all params: %,d || trainable%%: %.4f",
                trainable,
                all,
                percent()));
    int width = modules.keySet().stream().mapToInt(String::length).max().orElse(0);
    modules.forEach(
        (module, size) ->
            text.append(String.format(Locale.ROOT, "%n  %-" + width + "s %,12d", module, size)));
    return text.toString();
  }
}
