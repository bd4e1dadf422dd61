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
 * Trainable tokens: the vectors of chosen tokens are trained in place of the frozen ones, for the
 * output too where it shares the table.
 */
public final class TrainableTokens extends BaseMethod<TrainableTokensConfig> {

  /** The rows' key beside another method's tensors. */
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
   * Trains tokens besides what another method rewrites.
   *
   * @param tie whether a table and an output that shares it must have the same tokens
   * @throws IllegalArgumentException if a token or a module is not there, or tokens of a table
   *     differ that are to be the same
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
   * Trains rows of tables: of the input's, or of those of embeddings and outputs by name.
   *
   * @param key of the rows
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
   * Outputs that share the input's table take over its rows, below what the adapter does there
   * besides.
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
