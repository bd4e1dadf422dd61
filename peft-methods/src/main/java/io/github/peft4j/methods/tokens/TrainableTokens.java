package io.github.peft4j.methods.tokens;

import io.github.peft4j.Configs;
import io.github.peft4j.PeftMethod;
import io.github.peft4j.tuner.EmbeddingSite;
import io.github.peft4j.tuner.InputSite;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.ParameterSite;
import io.github.peft4j.tuner.Sites;
import io.github.peft4j.tuner.TargetModules;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Trainable tokens: the vectors of chosen tokens are trained in place of the frozen ones, for the
 * output too where it shares the table.
 */
public final class TrainableTokens implements PeftMethod<TrainableTokensConfig> {

  /** The rows' name in the file of another method. */
  private static final String BESIDE = "base_model.model.%s.token_adapter." + TokenRows.KEY;

  @Override
  public String type() {
    return "TRAINABLE_TOKENS";
  }

  @Override
  public Class<TrainableTokensConfig> configType() {
    return TrainableTokensConfig.class;
  }

  @Override
  public void inject(TrainableTokensConfig config, Sites sites) {
    Configs.require(
        !config.tokenIndices().isEmpty(),
        TrainableTokensConfig.class,
        "token_indices",
        config.tokenIndices(),
        "ids of tokens");
    for (EmbeddingSite embedding : embeddings(config.targetModules(), sites)) {
      TokenRows rows =
          new TokenRows(embedding, config.tokenIndices(), config.initWeights(), sites.initial());
      sites.rewrite(embedding, rows);
      tie(rows, embedding, sites);
      repeat(rows, embedding, sites);
    }
  }

  /**
   * Trains tokens besides what another method rewrites.
   *
   * @throws IllegalArgumentException if a token or a module is not there
   */
  public static void train(TokenIndices tokens, Sites sites) {
    tokens
        .byModule()
        .forEach(
            (module, ids) -> {
              TargetModules targets =
                  module.equals(TokenIndices.INPUT) ? null : TargetModules.of(List.of(module));
              for (EmbeddingSite embedding : embeddings(targets, sites)) {
                TokenRows rows = new TokenRows(embedding, ids, true, sites.initial());
                sites.rewrite(embedding, rows, BESIDE.formatted(embedding.name()));
                tie(rows, embedding, sites);
              }
            });
  }

  private static List<EmbeddingSite> embeddings(@Nullable TargetModules targets, Sites sites) {
    return targets == null
        ? sites.all(InputSite.class).stream().map(InputSite::embedding).distinct().toList()
        : sites.embeddings(targets).required();
  }

  private static void tie(TokenRows rows, EmbeddingSite embedding, Sites sites) {
    Set<ParameterSite> published = new HashSet<>(sites.all(ParameterSite.class));
    for (LinearSite output : sites.all(LinearSite.class)) {
      boolean shares =
          !published.contains(output.weight())
              && output.weight().shape().equals(embedding.weight().shape());
      if (shares) {
        sites.rewrite(output, new TokenLogits(rows));
      }
    }
  }

  /** PEFT stores the rows under the names of all modules that share the table. */
  private void repeat(TokenRows rows, EmbeddingSite embedding, Sites sites) {
    Stream<String> outputs =
        sites.all(LinearSite.class).stream()
            .filter(output -> sites.layer(output) instanceof TokenLogits)
            .map(LinearSite::name);
    Stream<String> stacks =
        sites.all(InputSite.class).stream()
            .filter(input -> input.embedding() == embedding)
            .flatMap(input -> Stream.ofNullable(input.alias()));
    Stream.concat(outputs, stacks)
        .map(module -> modulePrefix() + module + "." + TokenRows.KEY)
        .forEach(name -> sites.alias(name, rows.trainable()));
  }
}
