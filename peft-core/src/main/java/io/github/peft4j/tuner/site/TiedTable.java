package io.github.peft4j.tuner.site;

import java.util.List;

/**
 * A model's token table, which may also be the weight of output maps ({@code tie_word_embeddings}).
 *
 * @param embedding the model's input embedding
 * @param outputs the maps that share the table; none if the output has a weight of its own
 */
public record TiedTable(EmbeddingSite embedding, List<LinearSite> outputs) {}
