package io.github.peft4j.transformer;

import io.github.peft4j.tuner.site.ActiveAdapters;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.Locale;
import java.util.Set;

/**
 * The repeated steps of a model that no generation uses, kept for later ones: a step that has been
 * recorded needs not be recorded again. They are forgotten when an adapter or the model changes,
 * since they have its tensors, and what layers computed from these, on fixed memory.
 *
 * <p>Safe for concurrent use.
 */
final class RepeatedSteps implements AutoCloseable {

  /**
   * The system property that says where steps are repeated: {@code true} on all devices, {@code
   * false} on none; by default where they can be recorded, on NVIDIA's GPUs.
   */
  static final String PROPERTY = "peft4j.repeatedSteps";

  /** The most positions of all kept steps together: 0.5 GB of keys and values of a 1B model. */
  private static final long MOST_POSITIONS = 1 << 14;

  private final TransformerModel model;
  private final Deque<RepeatedStep> kept = new ArrayDeque<>();
  private long changes;
  private boolean closed;

  RepeatedSteps(TransformerModel model) {
    this.model = model;
  }

  /**
   * Whether steps with some adapters are to be repeated.
   *
   * @throws IllegalArgumentException if the property is neither {@code true} nor {@code false}
   */
  boolean areWanted(ActiveAdapters adapters) {
    String property = System.getProperty(PROPERTY);
    if (property == null) {
      return model.recorder().records() && adapters.isRepeatable();
    }
    String wanted = property.toLowerCase(Locale.ROOT);
    if (!Set.of("true", "false").contains(wanted)) {
      throw new IllegalArgumentException(
          PROPERTY + " is '" + property + "', expected true or false");
    }
    return wanted.equals("true") && model.homes().isSingle();
  }

  /** A step for a batch, kept or new; see {@link RepeatedStep} for the parameters. */
  RepeatedStep take(ActiveAdapters adapters, int rows, long capacity, long virtual) {
    long since;
    synchronized (this) {
      for (Iterator<RepeatedStep> all = kept.iterator(); all.hasNext(); ) {
        RepeatedStep step = all.next();
        if (step.serves(adapters, rows, capacity, virtual)) {
          all.remove();
          return step;
        }
      }
      since = changes;
    }
    return new RepeatedStep(model, adapters, rows, capacity, virtual, since);
  }

  /** Keeps a step that is no longer used, or frees it; the longest unused ones make room for it. */
  synchronized void give(RepeatedStep step) {
    if (closed || step.since() != changes) {
      step.close();
      return;
    }
    kept.addFirst(step);
    long positions = kept.stream().mapToLong(RepeatedStep::positions).sum();
    while (positions > MOST_POSITIONS) {
      RepeatedStep oldest = kept.removeLast();
      positions -= oldest.positions();
      oldest.close();
    }
  }

  /** Forgets all steps, since something that they compute with is about to change. */
  synchronized void forget() {
    changes++;
    kept.forEach(RepeatedStep::close);
    kept.clear();
  }

  @Override
  public synchronized void close() {
    forget();
    closed = true;
  }
}
