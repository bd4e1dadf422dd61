package io.github.peft4j.methods.hybrid;

import io.github.peft4j.config.CompositeConfig;
import io.github.peft4j.config.PeftConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/**
 * The layers of a stack in groups, each with methods of its own (Chen et al. 2023, <i>Parameter-
 * Efficient Fine-Tuning Design Spaces</i>, arXiv:2301.01821).
 *
 * <pre>{@code
 * CompositeConfig config = LayerGroups.spindle(12)                   // 2, 4, 4 and 2 layers
 *     .with(0, Strategy.adapter(48), Strategy.lora(8))
 *     .with(1, Strategy.adapter(48), Strategy.prefix(16))
 *     .with(2, Strategy.prefix(32))
 *     .with(3, Strategy.lora(16))
 *     .config(768);
 * }</pre>
 *
 * @param groups indices of the layers in each group, from the first layer to the last
 * @param strategies by group
 */
public record LayerGroups(List<List<Integer>> groups, List<List<Strategy>> strategies) {

  /** The four groups' sizes in relation to each other, in the spindle that the paper found best. */
  private static final double[] SPINDLE = {1, 2, 2, 1};

  /** Checks the groups. */
  public LayerGroups {
    if (groups.isEmpty() || groups.stream().anyMatch(List::isEmpty)) {
      throw new IllegalArgumentException(
          "the groups of layers are " + groups + "; expected a layer or more in each");
    }
    if (strategies.size() != groups.size()) {
      throw new IllegalArgumentException(
          "%d groups of layers have %d lists of methods; expected one for each group"
              .formatted(groups.size(), strategies.size()));
    }
    groups = groups.stream().map(List::copyOf).toList();
    strategies = strategies.stream().map(List::copyOf).toList();
  }

  /**
   * Four groups in the relation 1 : 2 : 2 : 1: few layers at the ends, many in the middle.
   *
   * @param layers the number of layers, 4 or more
   */
  public static LayerGroups spindle(int layers) {
    return of(layers, SPINDLE);
  }

  /**
   * Four groups of the same size, as nearly as possible.
   *
   * @param layers the number of layers, 4 or more
   */
  public static LayerGroups uniform(int layers) {
    return of(layers, 1, 1, 1, 1);
  }

  /**
   * Groups of sizes in this relation. Each group ends at the layer that is nearest to its share.
   *
   * @param layers the number of layers
   * @param weights above 0, by group
   * @throws IllegalArgumentException if a group would have no layer
   */
  public static LayerGroups of(int layers, double... weights) {
    double all = 0;
    for (double weight : weights) {
      all += weight;
    }
    List<List<Integer>> groups = new ArrayList<>();
    double sum = 0;
    int start = 0;
    for (double weight : weights) {
      sum += weight;
      int end = (int) Math.round(layers * sum / all);
      groups.add(IntStream.range(start, end).boxed().toList());
      start = end;
    }
    return new LayerGroups(groups, groups.stream().map(g -> List.<Strategy>of()).toList());
  }

  /**
   * A copy in which a group has these methods.
   *
   * @param group from 0
   */
  public LayerGroups with(int group, Strategy... methods) {
    List<List<Strategy>> changed = new ArrayList<>(strategies);
    changed.set(group, List.of(methods));
    return new LayerGroups(groups, changed);
  }

  /** The number of layers. */
  public int layers() {
    return groups.stream().mapToInt(List::size).sum();
  }

  /**
   * The methods of all groups in one config.
   *
   * @param hiddenSize the model's width
   * @throws IllegalArgumentException if fewer than two methods are named in all
   */
  public CompositeConfig config(int hiddenSize) {
    List<PeftConfig> parts = new ArrayList<>();
    for (int g = 0; g < groups.size(); g++) {
      for (Strategy strategy : strategies.get(g)) {
        parts.add(strategy.in(groups.get(g), layers(), hiddenSize));
      }
    }
    return new CompositeConfig(parts);
  }

  /**
   * The paper's S4 model for a model of BERT's kind: a spindle, all groups trained, the same number
   * of parameters in each layer, and adapter with LoRA, adapter with prefix, adapter with prefix
   * and biases, and prefix with biases and LoRA, from the first group to the last. The methods of a
   * layer share its parameters equally; its biases are 11 d.
   *
   * @param layers the number of layers, 4 or more
   * @param hiddenSize d, the model's width
   * @param perLayer the number of trained parameters in each layer, at least 22 d
   * @return the methods of all groups
   */
  public static CompositeConfig s4(int layers, int hiddenSize, long perLayer) {
    return s4Groups(layers, hiddenSize, perLayer).config(hiddenSize);
  }

  static LayerGroups s4Groups(int layers, int hiddenSize, long perLayer) {
    long biases = Strategy.biases().parameters(hiddenSize);
    if (perLayer < 2 * biases) {
      throw new IllegalArgumentException(
          "perLayer is %d; expected %d or more: the biases of a layer are %d parameters, and other methods share the rest"
              .formatted(perLayer, 2 * biases, biases));
    }
    UnaryOperator<Strategy> half = s -> s.ofParameters(perLayer / 2, hiddenSize);
    UnaryOperator<Strategy> rest = s -> s.ofParameters((perLayer - biases) / 2, hiddenSize);
    Strategy adapter = Strategy.adapter(1);
    Strategy lora = Strategy.lora(1);
    Strategy prefix = Strategy.prefix(1);
    return spindle(layers)
        .with(0, half.apply(adapter), half.apply(lora))
        .with(1, half.apply(adapter), half.apply(prefix))
        .with(2, rest.apply(adapter), rest.apply(prefix), Strategy.biases())
        .with(3, rest.apply(prefix), Strategy.biases(), rest.apply(lora));
  }
}
