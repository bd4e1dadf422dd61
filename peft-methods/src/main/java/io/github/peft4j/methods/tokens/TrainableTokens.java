package io.github.peft4j.methods.tokens;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.tuner.injection.Selection;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.injection.WeightTying;
import io.github.peft4j.tuner.site.EmbeddingSite;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.Site;
import io.github.peft4j.tuner.site.TiedTable;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Trainable tokens: the vectors of chosen tokens are trained instead of the frozen ones. This
 * includes the output layer if it shares the embedding's weight.
 */
public final class TrainableTokens extends BaseMethod<TrainableTokensConfig> {

  /** The rows' key if another method's tensors are in the same file. */
  private static final String BESIDE = "token_adapter." + TokenVectors.KEY;

  /** The method. */
  public TrainableTokens() {
    super("TRAINABLE_TOKENS", TrainableTokensConfig.class);
  }

  @Override
  public void inject(TrainableTokensConfig config, Sites sites) {
    Configs.require(
        !config.tokenIndices().isEmpty(),
        TrainableTokensConfig.class,
        "token_indices",
        config.tokenIndices(),
        "ids of tokens");
    rewrite(
        config.targetModules(),
        config.tokenIndices(),
        config.initWeights(),
        sites,
        TokenVectors.KEY);
    tie(sites);
  }

  /**
   * Trains tokens in addition to another method.
   *
   * @param tie whether an embedding and an output layer that share a weight must have the same
   *     tokens
   * @throws IllegalArgumentException if a token or a module does not exist, or if tokens differ
   *     that must be the same
   */
  public static void train(TokenIndices tokens, boolean tie, Sites sites) {
    WeightTying tying = new WeightTying(sites);
    Map<String, List<Integer>> byModule = tokens.byModule();
    Set<String> ofTable =
        tying.outputs().isEmpty() ? Set.of() : tying.namesOfTable(byModule.keySet());
    boolean alike = ofTable.stream().map(byModule::get).distinct().count() < 2;
    if (tie && !alike) {
      throw new IllegalArgumentException(
          "field 'trainable_token_indices' is "
              + byModule
              + ", and 'ensure_weight_tying' is true; expected the same tokens for all modules that"
              + " share the table "
              + tying.embedding().name());
    }
    byModule.forEach(
        (module, ids) -> {
          boolean follows =
              ofTable.size() > 1
                  && alike
                  && tying.outputs().stream().anyMatch(output -> output.name().equals(module));
          if (!follows) {
            TargetModules targets =
                module.equals(TokenIndices.INPUT) ? null : TargetModules.of(List.of(module));
            requireFree(targets, sites);
            rewrite(targets, ids, true, sites, BESIDE);
          }
        });
    if (alike) {
      tie(sites);
    }
  }

  private static void requireFree(@Nullable TargetModules targets, Sites sites) {
    Stream<Site<NDArray, NDArray>> meant =
        Stream.concat(
            embeddings(targets, true, sites).stream(),
            targets == null ? Stream.of() : sites.linear(targets).list().stream());
    meant
        .filter(site -> sites.layer(site) != null)
        .findFirst()
        .ifPresent(
            site -> {
              throw new IllegalArgumentException(
                  "field 'trainable_token_indices' means tokens of "
                      + site.name()
                      + ", which 'target_modules' means as well; leave it out of one of them");
            });
  }

  /**
   * Trains rows of the input embedding, or of embeddings and output layers by name.
   *
   * @param key the rows' key
   */
  private static void rewrite(
      @Nullable TargetModules targets,
      List<Integer> ids,
      boolean fromModel,
      Sites sites,
      String key) {
    List<LinearSite> outputs =
        targets == null || targets.isAllLinear()
            ? List.of()
            : sites.linear(targets).list().stream().filter(s -> s.bias().isEmpty()).toList();
    for (LinearSite site : outputs) {
      sites.rewrite(site, new TokenLogits(key, site.weight(), ids, fromModel, sites.initial()));
    }
    for (EmbeddingSite site : embeddings(targets, !outputs.isEmpty(), sites)) {
      sites.rewrite(site, new TokenRows(key, site.weight(), ids, fromModel, sites.initial()));
    }
  }

  private static List<EmbeddingSite> embeddings(
      @Nullable TargetModules targets, boolean optional, Sites sites) {
    if (targets == null) {
      return sites.all(InputSite.class).stream().map(InputSite::embedding).distinct().toList();
    }
    Selection<EmbeddingSite> meant = sites.embeddings(targets);
    return optional ? meant.list() : meant.required();
  }

  /**
   * Output layers that share the input embedding's weight use its rows, in addition to the
   * adapter's other changes.
   */
  private static void tie(Sites sites) {
    TiedTable shared = sites.tokenTable();
    if (sites.layer(shared.embedding()) instanceof TokenRows table) {
      for (LinearSite output : shared.outputs()) {
        sites.rewriteBelow(output, new TokenLogits(table.rows()));
      }
    }
  }
}
