package io.github.peft4j.transformer.family;

import com.google.gson.JsonObject;
import io.github.peft4j.transformer.block.EncoderDecoder.Shift;
import io.github.peft4j.transformer.config.ModelConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** A model family as data: it turns a config into specs of stacks and task heads. */
public final class Family {

  private final String modelType;
  private final Function<ModelConfig, Heads> heads;
  private final List<Layout> stacks;
  private final Set<String> ignored;
  private final @Nullable Part part;
  private final Shift shift;

  private Family(
      String modelType,
      Function<ModelConfig, Heads> heads,
      List<Layout> stacks,
      Set<String> ignored,
      @Nullable Part part,
      Shift shift) {
    this.modelType = modelType;
    this.heads = heads;
    this.stacks = List.copyOf(stacks);
    this.ignored = ignored;
    this.part = part;
    this.shift = shift;
  }

  /**
   * The part of a larger model that a family computes, such as the text model of one for images and
   * texts.
   *
   * @param field the field of the config with the part's config
   * @param defaults values of fields that config files leave out
   * @param prefixes prefixes of tensors in checkpoints, and what they are today
   * @param others prefixes of the other parts' tensors
   */
  public record Part(
      String field, JsonObject defaults, Map<String, String> prefixes, List<String> others) {}

  /** Describes a stack. */
  @FunctionalInterface
  public interface Layout {

    /**
     * Describes the stack of a config.
     *
     * @param body the prefix of the body's names, such as {@code "model"}; empty for none
     */
    StackSpec describe(ModelConfig config, String body);
  }

  /** A family of one stack. */
  public static Family of(String modelType, Function<ModelConfig, Heads> heads, Layout stack) {
    return new Family(modelType, heads, List.of(stack), Set.of(), null, Shift.START_TOKEN);
  }

  /** A family with an encoder and a decoder. */
  public static Family encoderDecoder(
      String modelType, Function<ModelConfig, Heads> heads, Layout encoder, Layout decoder) {
    return new Family(
        modelType, heads, List.of(encoder, decoder), Set.of(), null, Shift.START_TOKEN);
  }

  /**
   * A family whose stacks differ from those of this one by a change.
   *
   * @param heads its task heads
   */
  public Family like(
      String modelType,
      Function<ModelConfig, Heads> heads,
      BiFunction<StackSpec, ModelConfig, StackSpec> change) {
    List<Layout> changed = new ArrayList<>();
    for (Layout layout : stacks) {
      changed.add((config, body) -> change.apply(layout.describe(config, body), config));
    }
    return new Family(modelType, heads, changed, ignored, part, shift);
  }

  /** The same family under another {@code model_type} and class name. */
  public Family named(String modelType, String className) {
    return new Family(
        modelType,
        config -> heads.apply(config).className(className),
        stacks,
        ignored,
        part,
        shift);
  }

  /** A copy that ignores more fields of a config. */
  public Family ignores(String... fields) {
    Set<String> all = new TreeSet<>(ignored);
    all.addAll(Arrays.asList(fields));
    return new Family(modelType, heads, stacks, all, part, shift);
  }

  /** A copy that is a part of a larger model. */
  public Family within(Part part) {
    return new Family(modelType, heads, stacks, ignored, part, shift);
  }

  /** The part of a larger model that is computed, if this family is one. */
  public Optional<Part> part() {
    return Optional.ofNullable(part);
  }

  /** {@code model_type} of the family's configs. */
  public String modelType() {
    return modelType;
  }

  /** The task heads of a config. */
  public Heads heads(ModelConfig config) {
    return heads.apply(config);
  }

  /**
   * The stacks of a config: one, or an encoder and a decoder.
   *
   * @param body the prefix of the body's names, such as {@code "model"}; empty for none
   */
  public List<StackSpec> stacks(ModelConfig config, String body) {
    return stacks.stream().map(layout -> layout.describe(config, body)).toList();
  }

  /** Fields of a config that change nothing that is computed here. */
  public Set<String> ignored() {
    return ignored;
  }

  /** A copy whose decoder is trained on labels with their last token in front (mBART). */
  public Family wrapsLabels() {
    return new Family(modelType, heads, stacks, ignored, part, Shift.LAST_TOKEN);
  }

  /** What a decoder's input begins with in training. */
  public Shift shift() {
    return shift;
  }
}
