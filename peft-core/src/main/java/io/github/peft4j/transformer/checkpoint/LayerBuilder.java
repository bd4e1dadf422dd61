package io.github.peft4j.transformer.checkpoint;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.transformer.block.Attention;
import io.github.peft4j.transformer.block.DisentangledScores;
import io.github.peft4j.transformer.block.FeedForward;
import io.github.peft4j.transformer.block.Linear;
import io.github.peft4j.transformer.block.MixtureOfExperts;
import io.github.peft4j.transformer.block.NamedBlock;
import io.github.peft4j.transformer.block.Norm;
import io.github.peft4j.transformer.block.QueryKeyValue;
import io.github.peft4j.transformer.block.Sublayer;
import io.github.peft4j.transformer.block.TransformerLayer;
import io.github.peft4j.transformer.family.AttentionSpec;
import io.github.peft4j.transformer.family.BranchSpec;
import io.github.peft4j.transformer.family.DisentangledSpec;
import io.github.peft4j.transformer.family.FeedForwardSpec;
import io.github.peft4j.transformer.family.FeedForwardSpec.Network;
import io.github.peft4j.transformer.family.LayerSpec;
import io.github.peft4j.transformer.family.Sizes;
import io.github.peft4j.transformer.family.StackSpec;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.transformer.rope.RopeSpec;
import io.github.peft4j.transformer.rope.RotaryEmbedding;
import io.github.peft4j.tuner.site.AttentionSite;
import io.github.peft4j.tuner.site.LayerSite;
import io.github.peft4j.tuner.site.LinearSite.Role;
import io.github.peft4j.tuner.site.SublayerSite;
import io.github.peft4j.tuner.site.SublayerSite.Kind;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Builds one {@link TransformerLayer}, branch by branch. */
final class LayerBuilder {

  private final StackSpec stack;
  private final LayerSpec spec;
  private final int index;
  private final Weights weights;
  private final Function<RopeSpec, RotaryEmbedding> rotary;
  private final String name;
  private final Sizes sizes;

  /** All blocks in the checkpoint's order. */
  private final List<NamedBlock> parts = new ArrayList<>();

  private final List<Sublayer> branches = new ArrayList<>();
  private final Map<String, Norm> norms = new HashMap<>();

  /**
   * Creates a builder.
   *
   * @param index of the layer, from 0
   * @param rotary the rotary positions of a spec
   */
  LayerBuilder(
      StackSpec stack,
      LayerSpec spec,
      int index,
      Weights weights,
      Function<RopeSpec, RotaryEmbedding> rotary) {
    this.stack = stack;
    this.spec = spec;
    this.index = index;
    this.weights = weights;
    this.rotary = rotary;
    this.name = stack.prefix() + spec.name();
    this.sizes = stack.sizes();
  }

  TransformerLayer build() {
    attention(Kind.ATTENTION, spec.attention());
    if (spec.crossAttention() != null) {
      attention(Kind.CROSS_ATTENTION, spec.crossAttention());
    }
    feedForward(spec.feedForward());
    return new TransformerLayer(
        name,
        new LayerSite.Place(stack.name(), index, sizes.hidden()),
        parts,
        branches,
        spec.residual());
  }

  private void attention(Kind kind, AttentionSpec attention) {
    String module = name + "." + attention.module();
    AttentionSite.Heads heads =
        new AttentionSite.Heads(sizes.heads(), sizes.keyValueHeads(), sizes.head());
    RopeSpec rope = attention.rope();
    Integer window = attention.window();
    QueryKeyValue projections = projections(module, attention, heads);
    Attention block =
        part(
            new Attention(
                module,
                new AttentionSite.Place(stack.name(), index, kind == Kind.CROSS_ATTENTION),
                heads,
                projections,
                linear(
                    name + "." + attention.output(),
                    Role.ATTENTION_OUTPUT,
                    heads.queries() * heads.dimension(),
                    sizes.hidden(),
                    attention.outputBias()),
                rope == null ? null : rotary.apply(rope),
                disentangled(module, attention, projections),
                new Attention.Scores(
                    attention.scale(),
                    attention.cap(),
                    window == null ? Integer.MAX_VALUE : window,
                    attention.dropout())));
    branch(module, kind, attention.branch(), block::forward);
  }

  private QueryKeyValue projections(
      String module, AttentionSpec attention, AttentionSite.Heads heads) {
    QueryKeyValue.Norms norms = norms(module, attention.norms(), heads);
    List<String> names = attention.projections().stream().map(n -> module + "." + n).toList();
    long queries = heads.queries() * heads.dimension();
    long keys = heads.keyValues() * heads.dimension();
    boolean bias = attention.bias();
    int hidden = sizes.hidden();
    if (names.size() == 1) {
      Linear fused = linear(names.get(0), Role.QUERY_KEY_VALUE, hidden, queries + 2 * keys, bias);
      return QueryKeyValue.fused(fused, attention.fused(), heads, norms);
    }
    return QueryKeyValue.separate(
        linear(names.get(0), Role.QUERY, hidden, queries, bias),
        linear(names.get(1), Role.KEY, hidden, keys, bias),
        linear(names.get(2), Role.VALUE, hidden, keys, bias),
        heads,
        norms);
  }

  private @Nullable DisentangledScores disentangled(
      String module, AttentionSpec attention, QueryKeyValue projections) {
    DisentangledSpec terms = attention.disentangled();
    if (terms == null) {
      return null;
    }
    Double scale = attention.scale();
    return new DisentangledScores(
        projections,
        new DisentangledScores.Terms(
            terms.contentToPosition(),
            terms.positionToContent(),
            ofPositions(module, terms.query()),
            ofPositions(module, terms.key())),
        scale == null ? 1 / Math.sqrt(sizes.head()) : scale,
        terms.dropout());
  }

  private @Nullable Linear ofPositions(String module, @Nullable String map) {
    return map == null
        ? null
        : linear(
            module + "." + map,
            Role.EMBEDDING,
            sizes.hidden(),
            (long) sizes.heads() * sizes.head(),
            true);
  }

  private QueryKeyValue.@Nullable Norms norms(
      String module, AttentionSpec.@Nullable Norms norms, AttentionSite.Heads heads) {
    if (norms == null) {
      return null;
    }
    boolean whole = norms.wholeProjection();
    long d = heads.dimension();
    return new QueryKeyValue.Norms(
        norm(module + "." + norms.query(), whole ? heads.queries() * d : d),
        norm(module + "." + norms.key(), whole ? heads.keyValues() * d : d),
        whole);
  }

  private void feedForward(FeedForwardSpec spec) {
    String site = name + ".feed_forward";
    if (spec.network() instanceof Network.Mixture mixture) {
      MixtureOfExperts experts =
          new MixtureBuilder(name, mixture, spec, sizes.hidden(), weights).build();
      branch(site, Kind.FEED_FORWARD, spec.branch(), part(experts)::forward);
      return;
    }
    FeedForward network = network(spec);
    branch(site, Kind.FEED_FORWARD, spec.branch(), network::forward);
    network.parts().forEach(this::part);
  }

  private FeedForward network(FeedForwardSpec spec) {
    int inner = spec.inner();
    Network network = spec.network();
    if (network instanceof Network.Plain plain) {
      return FeedForward.plain(
          up(plain.up(), Role.UP, inner, spec),
          down(plain.down(), inner, spec),
          spec.activation(),
          spec.dropout());
    }
    if (network instanceof Network.Gated gated) {
      return FeedForward.gated(
          up(gated.gate(), Role.GATE, inner, spec),
          up(gated.up(), Role.UP, inner, spec),
          down(gated.down(), inner, spec),
          spec.activation(),
          spec.dropout());
    }
    Network.FusedGated fused = (Network.FusedGated) network;
    return FeedForward.fusedGated(
        up(fused.gateUp(), Role.UP, 2L * inner, spec),
        down(fused.down(), inner, spec),
        spec.activation(),
        spec.dropout());
  }

  private Linear up(String map, Role role, long inner, FeedForwardSpec spec) {
    return linear(name + "." + map, role, sizes.hidden(), inner, spec.bias());
  }

  private Linear down(String map, long inner, FeedForwardSpec spec) {
    return linear(name + "." + map, Role.DOWN, inner, sizes.hidden(), spec.bias());
  }

  private void branch(
      String site, Kind kind, BranchSpec branch, BiFunction<NDArray, Pass, NDArray> function) {
    List<String> around =
        Stream.of(branch.before(), branch.after(), branch.out())
            .filter(Objects::nonNull)
            .map(norm -> name + "." + norm)
            .toList();
    branches.add(
        new Sublayer(
            new SublayerSite(site, kind, stack.name(), index, name, around, sizes.hidden()),
            function,
            new Sublayer.Norms(
                normOf(branch.before()),
                normOf(branch.after()),
                normOf(branch.out()),
                branch.residualAfterNorm()),
            spec.scale(),
            kind == Kind.FEED_FORWARD
                ? spec.feedForwardOutputDropout()
                : spec.attentionOutputDropout()));
  }

  /** A norm of the layer by its name. Branches that name the same norm share it. */
  private @Nullable Norm normOf(@Nullable String norm) {
    return norm == null
        ? null
        : norms.computeIfAbsent(norm, n -> part(norm(name + "." + n, sizes.hidden())));
  }

  private Norm norm(String norm, long dimension) {
    return weights.norm(norm, dimension, stack.norm());
  }

  private Linear linear(String map, Role role, long in, long out, boolean bias) {
    return weights.linear(map, role, in, out, bias, stack.transposed());
  }

  private <B extends NamedBlock> B part(B block) {
    parts.add(block);
    return block;
  }
}
