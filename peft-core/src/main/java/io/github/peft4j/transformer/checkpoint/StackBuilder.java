package io.github.peft4j.transformer.checkpoint;

import io.github.peft4j.transformer.block.AbsolutePositions;
import io.github.peft4j.transformer.block.AbsolutePositions.Counting;
import io.github.peft4j.transformer.block.Alibi;
import io.github.peft4j.transformer.block.Embedding;
import io.github.peft4j.transformer.block.InputEmbedding;
import io.github.peft4j.transformer.block.RelativePositions;
import io.github.peft4j.transformer.block.RelativeVectors;
import io.github.peft4j.transformer.block.ScoreBias;
import io.github.peft4j.transformer.block.Stack;
import io.github.peft4j.transformer.block.TransformerLayer;
import io.github.peft4j.transformer.family.DisentangledSpec;
import io.github.peft4j.transformer.family.EmbeddingSpec;
import io.github.peft4j.transformer.family.PositionSpec;
import io.github.peft4j.transformer.family.ScoreBiasSpec;
import io.github.peft4j.transformer.family.StackSpec;
import io.github.peft4j.tuner.site.LinearSite.Role;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Builds a {@link Stack} from its spec and a checkpoint. */
final class StackBuilder {

  private final StackSpec spec;
  private final Checkpoint weights;

  StackBuilder(StackSpec spec, Checkpoint weights) {
    this.spec = spec;
    this.weights = weights;
  }

  /**
   * Builds the stack.
   *
   * @param tokens another stack's token embedding, which this one shares; or null
   * @param vocabulary number of tokens
   */
  Stack build(@Nullable Embedding tokens, int vocabulary) {
    spec.ignored().forEach(weights::ignore);
    InputEmbedding embedding = embedding(tokens, vocabulary);
    ScoreBias scoreBias = spec.scoreBias() == null ? null : scoreBias(spec.scoreBias());
    RelativeVectors relative = relative(spec.layer().apply(0).attention().disentangled());
    LayersBuilder builder = new LayersBuilder(spec, weights);
    List<TransformerLayer> layers = new ArrayList<>(); // a config may name more than memory holds
    for (int i = 0; i < spec.sizes().layers(); i++) {
      TransformerLayer layer = builder.layer(i);
      if (weights.homes().isOnHost(layer.name()) && !layers.contains(layer)) {
        layer.stream(weights.streamed());
      }
      layers.add(layer);
    }
    String norm = spec.finalNorm();
    String projection = spec.projection();
    int hidden = spec.sizes().hidden();
    return new Stack(
        spec.name(),
        embedding,
        scoreBias,
        relative,
        layers,
        norm == null ? null : weights.norm(spec.prefix() + norm, hidden, spec.norm()),
        projection == null
            ? null
            : weights.linear(
                spec.prefix() + projection,
                Role.EMBEDDING,
                hidden,
                spec.outputSize(),
                false,
                false),
        builder.rotaries(),
        spec.causal(),
        spec.limit(),
        spec.dropout(),
        weights.homes(),
        new NarrowBuilder(spec));
  }

  private InputEmbedding embedding(@Nullable Embedding tokens, int vocabulary) {
    EmbeddingSpec parts = spec.embedding();
    int dimension = parts.dimension();
    Embedding table =
        tokens == null ? weights.embedding(parts.tokens(), vocabulary, dimension) : tokens;
    PositionSpec positions = parts.positions();
    String tokenProjection = parts.tokenProjection();
    int width = tokenProjection == null ? dimension : spec.sizes().hidden();
    String types = parts.types();
    String norm = parts.norm();
    String projection = parts.projection();
    return new InputEmbedding(
        spec.name(),
        new InputEmbedding.Tokens(table, tokens == null, parts.ownTokens(), parts.tableScale()),
        new InputEmbedding.Sum(
            parts.scale(),
            parts.textScale(),
            tokenProjection == null
                ? null
                : weights.linear(tokenProjection, Role.EMBEDDING, dimension, width, false, false),
            positions == null ? null : positions(positions, width),
            types == null ? null : weights.embedding(types, parts.typeCount(), width),
            norm == null ? null : weights.norm(norm, width, spec.norm()),
            projection == null
                ? null
                : weights.linear(
                    projection, Role.EMBEDDING, dimension, spec.sizes().hidden(), true, false),
            parts.zeroPadding(),
            parts.dropout()),
        spec.scoreBias() instanceof ScoreBiasSpec.Relative);
  }

  private AbsolutePositions positions(PositionSpec positions, int dimension) {
    if (positions instanceof PositionSpec.Learned learned) {
      return AbsolutePositions.learned(
          weights.embedding(learned.table(), learned.entries(), dimension),
          learned.offset(),
          learned.counting());
    }
    PositionSpec.Sinusoidal sinusoidal = (PositionSpec.Sinusoidal) positions;
    String table = sinusoidal.table();
    return weights.has(table + ".weight")
        ? AbsolutePositions.learned(
            weights.embedding(table, sinusoidal.entries(), dimension), 0, Counting.ALL)
        : AbsolutePositions.sinusoidal(table, sinusoidal.entries());
  }

  private ScoreBias scoreBias(ScoreBiasSpec bias) {
    if (bias instanceof ScoreBiasSpec.Alibi alibi) {
      return new Alibi(
          spec.name() + ".alibi", spec.sizes().heads(), alibi.scale(), alibi.isRounded());
    }
    ScoreBiasSpec.Relative relative = (ScoreBiasSpec.Relative) bias;
    return new RelativePositions(
        weights.embedding(relative.table(), relative.buckets(), spec.sizes().heads()),
        relative.farthest(),
        relative.bothWays());
  }

  private @Nullable RelativeVectors relative(@Nullable DisentangledSpec terms) {
    if (terms == null || terms.table() == null) {
      return null;
    }
    int hidden = spec.sizes().hidden();
    String norm = terms.norm();
    return new RelativeVectors(
        weights.embedding(terms.table(), 2L * terms.span(), hidden),
        norm == null ? null : weights.norm(norm, hidden, spec.norm()),
        terms.farthest());
  }
}
