package io.github.peft4j.methods.pruning;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.methods.selective.Select;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.LinearSite.Role;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.training.ParameterGroup;
import io.github.peft4j.tuner.training.TrainingRule;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Pruning while fine-tuning (Sanh et al. 2020): the whole model but its embeddings is trained, and
 * fewer and fewer weights of its layers are kept. A loaded adapter has the weights that were kept,
 * and training continues with these.
 */
public final class Pruning extends BaseMethod<PruningConfig> {

  private static final Role[] LAYERS = {
    Role.QUERY,
    Role.KEY,
    Role.VALUE,
    Role.QUERY_KEY_VALUE,
    Role.ATTENTION_OUTPUT,
    Role.GATE,
    Role.UP,
    Role.DOWN
  };

  /** The method. */
  public Pruning() {
    super("PRUNING", PruningConfig.class);
  }

  @Override
  public void inject(PruningConfig config, Sites sites) {
    if (!sites.isFresh() || !config.entries().isEmpty()) {
      keep(config, sites);
    } else {
      prune(config, sites);
    }
    Select trained =
        config.freezeEmbeddings() ? Select.all().minus(Select.embeddings()) : Select.all();
    for (ParameterSite site : trained.of(sites)) {
      sites.train(site);
    }
    sites.followTables();
  }

  private static void keep(PruningConfig config, Sites sites) {
    for (ParameterSite site : sites.all(ParameterSite.class)) {
      Integer count = config.entries().get(site.name());
      if (count != null) {
        sites.rewrite(site, new KeptWeight(site, count, sites.initial(site)));
      }
    }
  }

  private static void prune(PruningConfig config, Sites sites) {
    List<PrunedWeight> layers = new ArrayList<>();
    for (LinearSite target : targets(config, sites)) {
      ParameterSite site = target.weight();
      PrunedWeight layer =
          new PrunedWeight(
              site, config, sites.initial(site), scores(site, config, sites.initial(site)));
      sites.rewrite(site, layer);
      layers.add(layer);
    }
    sites.rule(scores(config));
    sites.atSteps(new Pruner(config, layers));
  }

  private static List<LinearSite> targets(PruningConfig config, Sites sites) {
    List<LinearSite> targets =
        sites.linear(config.targetModules(), LAYERS).excluding(config.excludeModules()).required();
    for (LinearSite target : targets) {
      Configs.require(
          target.table().isEmpty(),
          PruningConfig.class,
          "target_modules",
          config.targetModules(),
          "no " + target.name() + ", which shares the token table");
      Configs.require(
          target.weight().shape().size() <= Integer.MAX_VALUE,
          PruningConfig.class,
          "target_modules",
          config.targetModules(),
          "no weight of more than 2,147,483,647 elements, as %s has".formatted(target.name()));
    }
    return targets;
  }

  private static @Nullable NDArray scores(
      ParameterSite site, PruningConfig config, Initializer initial) {
    if (config.pruningMethod() == PruningMethod.MAGNITUDE) {
      return null;
    }
    Shape shape = site.shape();
    double scale = config.maskScale();
    return switch (config.maskInit()) {
      case CONSTANT -> initial.filled(scale, shape.getShape());
      case UNIFORM -> initial.uniform(scale, shape.getShape());
      case KAIMING -> initial.uniform(1 / Math.sqrt((double) shape.get(1)), shape.getShape());
    };
  }

  /** Scores have a learning rate of their own, and no weight decay. */
  private static TrainingRule scores(PruningConfig config) {
    ParameterGroup group = new ParameterGroup(config.maskScoresLearningRate(), 0);
    return (name, tensor, usual) ->
        Optional.of(tensor.key().endsWith(PrunedWeight.SCORES) ? group : usual);
  }
}
