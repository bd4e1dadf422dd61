package io.github.peft4j.export.onnx;

import io.github.peft4j.transformer.activation.Activation;
import io.github.peft4j.transformer.block.TransformerLayer.Residual;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.BranchSpec;
import io.github.peft4j.transformer.family.FeedForwardSpec;
import io.github.peft4j.transformer.family.FeedForwardSpec.Network;
import io.github.peft4j.transformer.family.LayerSpec;
import io.github.peft4j.transformer.family.ScoreBiasSpec;
import io.github.peft4j.transformer.family.StackSpec;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** A stack as nodes: ids (B, T) → hidden states (B, T, D). It follows {@link StackSpec}. */
final class StackGraph {

  private final ModelConfig config;
  private final StackSpec spec;
  private final Nodes nodes;
  private final Weights weights;
  private final Text text;
  private final Attending attention;

  /** Layers of one name are one. */
  private final Map<String, LayerSpec> layers = new HashMap<>();

  /** The bias of all layers, if positions are a part of it. */
  private @Nullable String scoreBias;

  StackGraph(ModelConfig config, StackSpec spec, Nodes nodes, Weights weights, Text text) {
    this.config = config;
    this.spec = spec;
    this.nodes = nodes;
    this.weights = weights;
    this.text = text;
    this.attention =
        new Attending(
            nodes,
            weights,
            new Rotations(config, nodes, text),
            spec.sizes(),
            spec.norm(),
            RelativeTerms.of(
                config,
                nodes,
                weights,
                text,
                spec.sizes(),
                spec.norm(),
                spec.layer().apply(0).attention().disentangled()));
  }

  /** The last hidden states. */
  String states() {
    nodes.module(spec.name());
    String x = new Embedded(config, nodes, weights, text).apply(spec.embedding(), spec.norm());
    ScoreBiasSpec bias = spec.scoreBias();
    scoreBias = bias == null ? null : new ScoreBiases(spec, nodes, weights, text).of(bias);
    for (int i = 0; i < spec.sizes().layers(); i++) {
      LayerSpec layer = spec.layer().apply(i);
      x = layer(layers.computeIfAbsent(layer.name(), name -> layer), x);
    }
    nodes.module(spec.name());
    if (spec.finalNorm() != null) {
      x = weights.norm(spec.prefix() + spec.finalNorm(), spec.norm(), x);
    }
    return spec.projection() == null ? x : weights.linear(spec.prefix() + spec.projection(), x);
  }

  private String layer(LayerSpec layer, String x) {
    if (layer.crossAttention() != null) {
      throw Refusal.of(config, "attention to an encoder");
    }
    String name = spec.prefix() + layer.name();
    nodes.module(name);
    String bias = scoreBias;
    if (bias == null) {
      bias = text.bias(spec.causal(), layer.attention().window());
    } else if (layer.attention().window() != null) {
      throw Refusal.of(config, "a window beside relative positions");
    }
    String seen = bias;
    UnaryOperator<String> attend = h -> attention.apply(name, layer.attention(), h, seen);
    UnaryOperator<String> network = h -> network(name, layer.feedForward(), h);
    if (layer.residual() == Residual.PARALLEL) {
      String first = branch(name, layer, layer.attention().branch(), attend, x, x);
      return branch(name, layer, layer.feedForward().branch(), network, x, first);
    }
    String h = sublayer(name, layer, layer.attention().branch(), attend, x);
    return sublayer(name, layer, layer.feedForward().branch(), network, h);
  }

  /** out(x + scale · after(f(before(x)))). */
  private String sublayer(
      String name, LayerSpec layer, BranchSpec branch, UnaryOperator<String> f, String x) {
    String residual = branch.residualAfterNorm() ? norm(name, branch.before(), x) : x;
    return norm(name, branch.out(), branch(name, layer, branch, f, x, residual));
  }

  /** sum + scale · after(f(before(x))). */
  private String branch(
      String name,
      LayerSpec layer,
      BranchSpec branch,
      UnaryOperator<String> f,
      String x,
      String sum) {
    String y = norm(name, branch.after(), f.apply(norm(name, branch.before(), x)));
    return nodes.add(sum, nodes.scaled(y, layer.scale()));
  }

  private String norm(String layer, @Nullable String name, String x) {
    return name == null ? x : weights.norm(layer + "." + name, spec.norm(), x);
  }

  private String network(String layer, FeedForwardSpec network, String x) {
    Activation f = network.activation();
    if (network.network() instanceof Network.Plain plain) {
      String up = weights.linear(layer + "." + plain.up(), x);
      return weights.linear(layer + "." + plain.down(), ActivationNodes.apply(f, up, nodes));
    }
    if (network.network() instanceof Network.Gated gated) {
      String gate = weights.linear(layer + "." + gated.gate(), x);
      String up = weights.linear(layer + "." + gated.up(), x);
      return weights.linear(layer + "." + gated.down(), gated(f, gate, up));
    }
    if (network.network() instanceof Network.FusedGated fused) {
      long inner = network.inner();
      List<String> halves =
          nodes.split(weights.linear(layer + "." + fused.gateUp(), x), inner, inner);
      return weights.linear(layer + "." + fused.down(), gated(f, halves.get(0), halves.get(1)));
    }
    throw Refusal.of(config, "experts");
  }

  private String gated(Activation f, String gate, String up) {
    return nodes.mul(ActivationNodes.apply(f, gate, nodes), up);
  }
}
