package io.github.peft4j.methods.hybrid;

import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.methods.adapterhub.prefixtuning.AdapterHubPrefixConfig;
import io.github.peft4j.methods.bitfit.BitFitConfig;
import io.github.peft4j.methods.bottleneck.BottleneckConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * One of the four methods of the design spaces, in the layers of a group.
 *
 * @param kind the method
 * @param size the width of an adapter, the rank of a LoRA or the length of a prefix, above 0; of
 *     biases, 1
 */
public record Strategy(Kind kind, int size) {

  /** The methods. */
  public enum Kind {
    /** An adapter behind the feed-forward network. */
    ADAPTER,
    /** LoRA on queries and values, with α twice the rank. */
    LORA,
    /** Keys and values in front of the attention's own, trained directly. */
    PREFIX,
    /** All biases. */
    BIASES
  }

  /** Checks the size. */
  public Strategy {
    if (size < 1) {
      throw new IllegalArgumentException(
          "the size of %s is %d; expected 1 or more".formatted(kind, size));
    }
  }

  /** An adapter of this width. */
  public static Strategy adapter(int width) {
    return new Strategy(Kind.ADAPTER, width);
  }

  /** LoRA of this rank. */
  public static Strategy lora(int rank) {
    return new Strategy(Kind.LORA, rank);
  }

  /** A prefix of this length. */
  public static Strategy prefix(int length) {
    return new Strategy(Kind.PREFIX, length);
  }

  /** The layer's biases. */
  public static Strategy biases() {
    return new Strategy(Kind.BIASES, 1);
  }

  /** The number of trained parameters in a layer like BERT's, of width d. */
  public long parameters(long d) {
    return switch (kind) {
      case ADAPTER -> 2 * d * size + size + d;
      case LORA -> 4 * d * size;
      case PREFIX -> 2 * d * size;
      case BIASES -> 11 * d;
    };
  }

  /** A copy of the largest size that has this many parameters or fewer, but of 1 at least. */
  Strategy ofParameters(long most, long d) {
    long fixed = kind == Kind.ADAPTER ? d : 0;
    long each = parameters(d) - fixed; // of size 1 in the prototypes
    return new Strategy(kind, (int) Math.max(1, (most - fixed) * size / each));
  }

  /** The method's config in these layers, of a model with so many. */
  PeftConfig in(List<Integer> group, int layers, int d) {
    List<Integer> others =
        IntStream.range(0, layers).boxed().filter(l -> !group.contains(l)).toList();
    return switch (kind) {
      case ADAPTER -> BottleneckConfig.pfeiffer().reductionFactor(reduction(d)).leaveOut(others);
      case LORA -> LoraConfig.ofRank(size).loraAlpha(2 * size).layersToTransform(group);
      case PREFIX -> AdapterHubPrefixConfig.ofVirtualTokens(size).flat(true).leaveOut(others);
      case BIASES -> BitFitConfig.defaults().targetModules(inLayers(group));
    };
  }

  /** A factor by which d becomes this size, rounding included. */
  private double reduction(int d) {
    double factor = (double) d / size;
    return (long) (d / factor) == size ? factor : Math.nextDown(factor);
  }

  private static TargetModules inLayers(List<Integer> group) {
    String indices = group.stream().map(String::valueOf).collect(Collectors.joining("|"));
    return TargetModules.matching(".*\\.(layer|layers|h|block)\\.(" + indices + ")\\..*");
  }
}
