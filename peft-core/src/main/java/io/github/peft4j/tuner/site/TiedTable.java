package io.github.peft4j.tuner.site;

import java.util.List;

/**
 * A model's token table, which may be the weight of output maps too ({@code tie_word_embeddings}).
 *
 * @param embedding the look-up that the model's input goes through
 * @param outputs the maps that share the table; none if the output has a weight of its own
 */
public record TiedTable(EmbeddingSite embedding, List<LinearSite> outputs) {}
