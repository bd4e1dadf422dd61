package io.github.peft4j.transformer.pass;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.kernel.device.Home;
import io.github.peft4j.transformer.rope.RotaryEmbedding;
import io.github.peft4j.transformer.rope.Rotation;
import io.github.peft4j.tuner.SharedTensor;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** The tensors that the layers of one device share during a pass. */
final class SharedState {

  /** The values of shared tensors, by their computation. */
  final Map<SharedTensor, NDArray> values;

  /** The mask of the whole sequence (B, past + n + T). */
  @Nullable NDArray mask;

  @Nullable Visibility visibility;
  @Nullable NDArray bias;
  @Nullable NDArray positions;
  @Nullable PackedTexts texts;
  final IdentityHashMap<RotaryEmbedding, Rotation> rotations = new IdentityHashMap<>();
  @Nullable NDArray memory;
  @Nullable NDArray memoryBias;
  Pass.@Nullable Relative relative;

  /** Copies of what a layer may ask for, such as the ids, once it has asked. */
  private final IdentityHashMap<NDArray, NDArray> asked = new IdentityHashMap<>();

  private final @Nullable Home home;

  /** The state of the main device. */
  SharedState(Map<SharedTensor, NDArray> values) {
    this.values = values;
    this.home = null;
  }

  /**
   * The state of another device, with copies of all that is known so far.
   *
   * @param main the state of the main device
   * @param from the main device
   * @param to the other one
   * @param hold keeps a copy until the pass is closed
   */
  SharedState(
      SharedState main,
      Home from,
      Home to,
      Tape tape,
      @Nullable KeyValueCache cache,
      UnaryOperator<NDArray> hold) {
    this.home = to;
    this.values = new LinkedHashMap<>();
    UnaryOperator<NDArray> copy = x -> hold.apply(to.bring(x));
    UnaryOperator<NDArray> trained =
        x -> hold.apply(tape.share(tape.cross(x, to::bring, from::bring)));
    int[] count = {0};
    main.values.forEach(
        (shared, value) ->
            values.put(
                shared,
                cache == null
                    ? trained.apply(value)
                    : cache.shared(
                        "shared.%d.%s".formatted(count[0]++, to.manager().getName()),
                        () -> to.bring(value))));
    mask = main.mask == null ? null : copy.apply(main.mask);
    texts = main.texts == null ? null : main.texts.map(copy);
    visibility = main.visibility == null ? null : main.visibility.of(mask, texts);
    bias = main.bias == null ? null : trained.apply(main.bias);
    positions = main.positions == null ? null : copy.apply(main.positions);
    main.rotations.forEach(
        (embedding, rotation) ->
            rotations.put(
                embedding,
                new Rotation(
                    copy.apply(rotation.cosine()),
                    copy.apply(rotation.sine()),
                    rotation.isSigned())));
    memory = main.memory == null ? null : trained.apply(main.memory);
    memoryBias = main.memoryBias == null ? null : copy.apply(main.memoryBias);
    Pass.Relative there = main.relative;
    relative =
        there == null
            ? null
            : new Pass.Relative(trained.apply(there.vectors()), copy.apply(there.places()));
  }

  /**
   * A tensor of the main device for a layer of this one.
   *
   * @param hold keeps a copy until the pass is closed
   */
  NDArray here(NDArray x, UnaryOperator<NDArray> hold) {
    Home to = home;
    return to == null ? x : asked.computeIfAbsent(x, y -> hold.apply(to.bring(y)));
  }

  void closeVisibility() {
    if (visibility != null) {
      visibility.close();
    }
  }
}
