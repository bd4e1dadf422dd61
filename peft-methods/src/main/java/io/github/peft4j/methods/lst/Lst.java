package io.github.peft4j.methods.lst;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.Narrowing;
import io.github.peft4j.tuner.site.StackSite;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Ladder side tuning (Sung et al. 2022, arXiv:2206.06522): a narrow network beside the model reads
 * the states of all layers, and the head reads the narrow network's output. No gradient passes
 * through the model.
 *
 * <p>The side network starts as the model, pruned by magnitude. {@link LstPruning} prunes it by
 * Fisher information instead.
 */
public final class Lst extends BaseMethod<LstConfig> {

  /** The method. */
  public Lst() {
    super("LST", LstConfig.class);
  }

  @Override
  public void inject(LstConfig config, Sites sites) {
    List<StackSite> stacks = sites.all(StackSite.class);
    StackSite last = stacks.get(stacks.size() - 1);
    Ladder encoder = null;
    Pruning ofEncoder = null;
    for (StackSite stack : stacks) {
      List<Integer> layers = layers(config.sideLayers(), stack);
      Pruning pruning =
          new Pruning(stack, sites, config.reductionFactor(), Pruning::magnitude, ofEncoder);
      Function<Narrowing.Tensor, NDArray> tensors =
          sites.isFresh() ? pruning : tensor -> sites.initial().zeros(tensor.shape().getShape());
      Ladder ladder =
          new Ladder(config, stack, layers, stack == last, encoder, sites.initial(), tensors);
      sites.rewrite(stack, ladder);
      encoder = ladder;
      ofEncoder = pruning;
    }
  }

  private static List<Integer> layers(@Nullable List<Integer> chosen, StackSite stack) {
    List<Integer> all = IntStream.range(0, stack.layers()).boxed().toList();
    Configs.require(
        chosen == null || all.containsAll(chosen),
        LstConfig.class,
        "side_layers",
        chosen,
        "indices below " + stack.layers() + ", the number of layers of '" + stack.name() + "'");
    return chosen == null ? all : chosen.stream().sorted().toList();
  }
}
