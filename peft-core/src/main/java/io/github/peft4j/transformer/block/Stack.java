package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.kernel.device.Home;
import io.github.peft4j.kernel.device.Homes;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.pass.KeyValueCache;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.transformer.rope.RotaryEmbedding;
import io.github.peft4j.tuner.site.ActiveAdapters;
import io.github.peft4j.tuner.site.Narrowing;
import io.github.peft4j.tuner.site.StackSite;
import io.github.peft4j.tuner.site.StackStates;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Embedding, layers, final norm and projection: tokens (B, T) → hidden states (B, n + T, D). */
public final class Stack extends NamedBlock implements Body, AutoCloseable {

  private final InputEmbedding embedding;
  private final @Nullable ScoreBias scoreBias;
  private final @Nullable RelativeVectors relative;
  private final List<TransformerLayer> layers;
  private final @Nullable Norm finalNorm;
  private final @Nullable Linear projection;
  private final Collection<RotaryEmbedding> rotaries;
  private final boolean causal;
  private final long maxPositions;
  private final double dropout;
  private final Homes homes;
  private final StackSite site;

  /**
   * Creates a stack.
   *
   * @param relative the vectors of relative positions that all layers share, or null
   * @param layers in the order in which they are applied; one of them may stand several times
   * @param projection after the final norm, or null
   * @param rotaries the rotary positions of all layers
   * @param maxPositions number of positions that a text may have
   * @param dropout probability after the final norm, in training
   * @param homes the device of each layer; all else is on the main one
   * @param narrowing makes narrower layers for adapters
   */
  public Stack(
      String name,
      InputEmbedding embedding,
      @Nullable ScoreBias scoreBias,
      @Nullable RelativeVectors relative,
      List<TransformerLayer> layers,
      @Nullable Norm finalNorm,
      @Nullable Linear projection,
      Collection<RotaryEmbedding> rotaries,
      boolean causal,
      long maxPositions,
      double dropout,
      Homes homes,
      Narrowing narrowing) {
    super(name);
    this.homes = homes;
    this.embedding = part(embedding);
    this.scoreBias = scoreBias == null ? null : part(scoreBias);
    this.relative = relative == null ? null : part(relative);
    this.layers = layers;
    layers.stream().distinct().forEach(this::part);
    this.finalNorm = finalNorm == null ? null : part(finalNorm);
    this.projection = projection == null ? null : part(projection);
    this.rotaries = rotaries;
    this.causal = causal;
    this.maxPositions = maxPositions;
    this.dropout = dropout;
    this.site =
        publish(
            new StackSite(
                name,
                layers.size(),
                layers.get(0).dimension(),
                (x, context) -> states(x, Pass.of(context)),
                narrowing));
  }

  @Override
  public NDArray forward(ModelInput input, Pass pass) {
    Tape tape = pass.tape();
    pass.begin(input);
    Pass own = pass.ofStack();
    if (input.kept() != null) {
      requireConstant(pass.adapters());
    }
    NDArray first = tape.source(() -> embedding.forward(input, own, causal));
    ScoreBias bias = scoreBias;
    if (bias != null) {
      NDArray mask = pass.explicitBias(first, Integer.MAX_VALUE);
      pass.bias(tape.share(tape.source(() -> bias.forward(first, mask, pass))));
    }
    if (relative != null) {
      relative.enter(first, pass);
    }
    for (RotaryEmbedding rotary : rotaries) {
      pass.rotate(rotary, first);
    }
    NDArray output = site.forward(first, pass).output();
    KeyValueCache cache = pass.cache();
    if (cache != null) {
      cache.advance(first.getShape().get(1));
    }
    return output;
  }

  private StackStates states(NDArray first, Pass pass) {
    Pass own = pass.ofStack();
    List<NDArray> states = pass.kept(name(), first);
    if (states == null) {
      states = computed(first, own);
      pass.keep(name(), states);
    }
    NDArray last = states.get(states.size() - 1);
    return new StackStates(states, projected(normed(last, own), own));
  }

  /** Computes the layers, each on its device. The last state is on the main device. */
  private List<NDArray> computed(NDArray first, Pass pass) {
    boolean trains = pass.trains();
    Home main = homes.main();
    Home home = main;
    Pass here = pass;
    NDArray h = first;
    List<NDArray> states = new ArrayList<>();
    List<Home> places = new ArrayList<>();
    states.add(h);
    places.add(main);
    for (TransformerLayer layer : layers) {
      Home next = homes.of(layer.name());
      if (next != home) {
        h = pass.cross(h, home, next);
        here = pass.on(next, main);
        home = next;
      }
      if (states.size() == layers.size() && !pass.isBeside()) {
        pass.tape().keepNext();
      }
      h = layer.segment(h, trains, here);
      states.add(h);
      places.add(home);
    }
    boolean areRead = pass.adapters().rewrites(site) || pass.keepsStates();
    for (int i = areRead ? 0 : layers.size(); i <= layers.size(); i++) {
      if (places.get(i) != main) {
        states.set(i, pass.cross(states.get(i), places.get(i), main));
      }
    }
    return states;
  }

  /** Checks that the states of a text are the same at each step. */
  private void requireConstant(ActiveAdapters active) {
    ScoreBias bias = scoreBias;
    RelativeVectors vectors = relative;
    if (embedding.trains(active)
        || (bias != null && bias.trains(active))
        || (vectors != null && vectors.trains(active))
        || layers.stream().anyMatch(layer -> layer.trains(active))) {
      throw new IllegalArgumentException(
          "the states of a text cannot be kept: an adapter trains within stack '"
              + name()
              + "', so they change with each step; train without keepStates");
    }
  }

  private NDArray normed(NDArray h, Pass pass) {
    Norm norm = finalNorm;
    return norm == null
        ? h
        : pass.tape()
            .segment(
                h, norm.trains(pass.adapters()), x -> pass.drop(norm.forward(x, pass), dropout));
  }

  private NDArray projected(NDArray h, Pass pass) {
    Linear map = projection;
    return map == null
        ? h
        : pass.tape().segment(h, map.trains(pass.adapters()), x -> map.forward(x, pass));
  }

  /** Frees cached tables; the weights belong to the model. */
  @Override
  public void close() {
    rotaries.forEach(RotaryEmbedding::close);
  }

  @Override
  public List<Stack> stacks() {
    return List.of(this);
  }

  @Override
  public Opening open(List<long[]> prompts, ModelConfig config) {
    return new Opening(List.of(), prompts);
  }

  /** Whether cached keys of a text are wrong once it has grown to so many positions. */
  public boolean outdates(long before, long after) {
    return rotaries.stream().anyMatch(rotary -> rotary.outdates(before, after));
  }

  /** Whether texts of both numbers of positions are rotated by the same tables. */
  public boolean hasConstantRotations(long before, long after) {
    return rotaries.stream().allMatch(rotary -> rotary.isConstant(before, after));
  }

  @Override
  public long[][] shiftRight(long[][] labels, ModelConfig config) {
    throw new UnsupportedOperationException(
        name() + " has no encoder: its input ids are the labels themselves");
  }

  @Override
  public boolean isRepeatable() {
    return super.isRepeatable()
        && homes.isSingle()
        && rotaries.stream().allMatch(RotaryEmbedding::hasOneRegime);
  }

  /** The number of positions that a text may have, virtual tokens included. */
  public long maxPositions() {
    return maxPositions;
  }

  int depth() {
    return layers.size();
  }

  /** The number of vectors that adapters prepend to each sequence. */
  public long virtualTokens(ActiveAdapters active) {
    return embedding.virtualTokens(active);
  }

  /** The number of positions that adapters take from each sequence. */
  public long positionsTaken(ActiveAdapters active) {
    return embedding.positionsTaken(active);
  }

  public Embedding tokens() {
    return embedding.tokens();
  }
}
