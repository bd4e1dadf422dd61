package io.github.peft4j.transformer.family.encoder;

import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import io.github.peft4j.transformer.family.DisentangledSpec;
import io.github.peft4j.transformer.family.EmbeddingSpec;
import io.github.peft4j.transformer.family.EncoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.Sizes;
import io.github.peft4j.transformer.family.StackSpec;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * DeBERTa v2 and v3: BERT with disentangled attention (He et al. 2020, arXiv:2006.03654; He et al.
 * 2021, arXiv:2111.09543).
 */
public final class DebertaV2 {

  private static final String CONTENT_TO_POSITION = "c2p";
  private static final String POSITION_TO_CONTENT = "p2c";

  /** The family. */
  public static final Family FAMILY =
      Family.of("deberta-v2", EncoderHeads.deberta("DebertaV2"), DebertaV2::stack);

  private DebertaV2() {}

  private static StackSpec stack(ModelConfig config, String body) {
    StackSpec bert = Bert.withoutSegments(config, body);
    Sizes sizes = bert.sizes();
    requireSize(config, "embedding_size", sizes.hidden());
    requireSize(config, "pooler_hidden_size", sizes.hidden());
    requireSize(config, "attention_head_size", sizes.head());
    requireSize(config, "conv_kernel_size", 0);
    List<String> terms = terms(config);
    DisentangledSpec disentangled =
        config.flag("relative_attention", false)
            ? disentangled(config, body, terms)
            : new DisentangledSpec(null, null, 0, 0, false, false, null, null, 0);
    double scale = 1 / Math.sqrt((double) sizes.head() * (1 + terms.size()));
    boolean absolute = config.flag("position_biased_input", true);
    return bert.embedding(embedding(config, bert.embedding(), body, absolute))
        .limit(absolute ? bert.limit() : StackSpec.UNLIMITED)
        .ignored(List.of(Bert.POSITIONS.formatted(body) + ".weight"))
        .eachAttention(
            (i, a) ->
                a.projections(List.of("query_proj", "key_proj", "value_proj"))
                    .scale(scale)
                    .disentangled(disentangled));
  }

  private static void requireSize(ModelConfig config, String field, int supported) {
    config.require(field, config.integer(field, supported), supported);
  }

  private static EmbeddingSpec embedding(
      ModelConfig config, EmbeddingSpec bert, String body, boolean absolute) {
    int types = config.integer("type_vocab_size", 0);
    EmbeddingSpec typed = types > 0 ? Bert.typed(bert, body, types) : bert;
    return (absolute ? typed : typed.positions(null)).zeroPadding(true);
  }

  /** The terms in {@code pos_att_type}: a list, or formerly a text such as {@code "p2c|c2p"}. */
  private static List<String> terms(ModelConfig config) {
    String field = "pos_att_type";
    List<String> terms = config.isText(field) ? words(config, field, "") : config.texts(field);
    if (!List.of(CONTENT_TO_POSITION, POSITION_TO_CONTENT).containsAll(terms)) {
      throw new UnsupportedModelException(
          config.error(
              field, terms, CONTENT_TO_POSITION + ", " + POSITION_TO_CONTENT + " or both"));
    }
    return terms.stream().distinct().toList();
  }

  private static List<String> words(ModelConfig config, String field, String usual) {
    return Arrays.stream(config.text(field, usual).toLowerCase(Locale.ROOT).split("\\|"))
        .map(String::strip)
        .filter(word -> !word.isEmpty())
        .toList();
  }

  private static DisentangledSpec disentangled(
      ModelConfig config, String body, List<String> terms) {
    int given = config.integer("max_relative_positions", -1);
    int farthest = given < 1 ? config.size("max_position_embeddings") : given;
    int buckets = config.integer("position_buckets", -1);
    if (buckets > 0 && (buckets < 2 || farthest - 1 <= buckets / 2)) {
      throw config.error(
          "position_buckets", buckets, "2 to " + (2 * farthest - 3) + ", by the largest distance");
    }
    boolean own = !config.flag("share_att_key", false);
    boolean keys = terms.contains(CONTENT_TO_POSITION);
    boolean queries = terms.contains(POSITION_TO_CONTENT);
    String encoder = body + ".encoder.";
    return new DisentangledSpec(
        encoder + "rel_embeddings",
        words(config, "norm_rel_ebd", "none").contains("layer_norm") ? encoder + "LayerNorm" : null,
        buckets > 0 ? buckets : farthest,
        buckets > 0 ? farthest : 0,
        keys,
        queries,
        own && queries ? "pos_query_proj" : null,
        own && keys ? "pos_key_proj" : null,
        config.dropout("hidden_dropout_prob"));
  }
}
