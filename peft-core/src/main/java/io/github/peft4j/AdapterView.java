package io.github.peft4j;

import io.github.peft4j.adapter.AdapterSet;
import io.github.peft4j.chat.ChatTemplate;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.data.TaskExample;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.embed.EmbeddingSettings;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A model that computes with a composition of its own instead of the active one; made by {@link
 * PeftModel#using}. Any number of threads may share a view or use several views of one model.
 *
 * <p>Adapter names are looked up at each call. A call fails if an adapter has been removed or
 * renamed. If another adapter has taken the name, the call uses that one. A view is also a DJL
 * block.
 */
public final class AdapterView extends ModelBlock {

  private final PeftModel model;
  private final AdapterSet adapters;
  private final Function<AdapterSet.State, Composition> composition;
  private final Map<String, Long> rowValues;
  private volatile @Nullable Known known;

  /** The composition as resolved in one state of the model. */
  private record Known(AdapterSet.State state, AdapterSet.Resolved resolved) {}

  AdapterView(
      PeftModel model, AdapterSet adapters, Function<AdapterSet.State, Composition> composition) {
    this(model, adapters, composition, Map.of());
  }

  private AdapterView(
      PeftModel model,
      AdapterSet adapters,
      Function<AdapterSet.State, Composition> composition,
      Map<String, Long> rowValues) {
    this.model = model;
    this.adapters = adapters;
    this.composition = composition;
    this.rowValues = rowValues;
    resolved(); // checks
  }

  /**
   * The same view for texts of one task, for a method that computes differently for each task.
   *
   * @param task from 0
   */
  public AdapterView onTask(long task) {
    if (task < 0) {
      throw new IllegalArgumentException("task is " + task + ", expected 0 or more");
    }
    return new AdapterView(model, adapters, composition, Map.of(TaskExample.TASK_IDS, task));
  }

  @Override
  public TransformerModel base() {
    return model.base();
  }

  @Override
  public Tokenizer tokenizer() {
    return model.tokenizer();
  }

  @Override
  public ChatTemplate chatTemplate() {
    return model.chatTemplate();
  }

  @Override
  public EmbeddingSettings embeddingSettings() {
    return model.embeddingSettings();
  }

  @Override
  public ModelCall newCall() {
    while (true) {
      AdapterSet.Resolved resolved = resolved();
      Optional<ModelCall> call =
          base().newCall(resolved.active().with(rowValues), resolved.resources());
      if (call.isPresent()) {
        return call.get();
      } // an adapter has been removed since
    }
  }

  private AdapterSet.Resolved resolved() {
    AdapterSet.State now = adapters.state();
    Known last = known;
    if (last != null && last.state() == now) {
      return last.resolved();
    }
    AdapterSet.Resolved resolved = adapters.resolve(now, composition.apply(now));
    known = new Known(now, resolved);
    return resolved;
  }

  @Override
  public String toString() {
    return base() + " using " + composition.apply(adapters.state());
  }
}
