package io.github.peft4j.examples.langchain4j;

import dev.langchain4j.data.embedding.Embedding;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.model.embedding.DimensionAwareEmbeddingModel;
import dev.langchain4j.model.output.Response;
import io.github.peft4j.embed.TextEmbedder;
import java.util.Arrays;
import java.util.List;

/**
 * An embedder of peft4j as an embedding model of LangChain4j.
 *
 * <pre>{@code
 * PeftModel model = MiniLm.embedder();
 * EmbeddingModel embeddings = new PeftEmbeddingModel(model.embedder());
 * }</pre>
 *
 * <p>An embedder may have a prompt for queries and another one for passages. Make a model of each
 * then. Any number of threads may use an embedding model. It does not close the model of peft4j.
 */
public final class PeftEmbeddingModel extends DimensionAwareEmbeddingModel {

  private final TextEmbedder embedder;

  /** An embedding model, whose embedder says how states become vectors. */
  public PeftEmbeddingModel(TextEmbedder embedder) {
    this.embedder = embedder;
  }

  /**
   * The vectors of texts, computed in batches.
   *
   * @throws IllegalStateException if parallel adapters are active, each of which gives a vector
   */
  @Override
  public Response<List<Embedding>> embedAll(List<TextSegment> segments) {
    float[][] vectors = embedder.embed(segments.stream().map(TextSegment::text).toList());
    if (vectors.length != segments.size()) {
      throw new IllegalStateException(
          "parallel adapters give %d vectors for %d texts; take an embedder with one of them"
              .formatted(vectors.length, segments.size()));
    }
    return Response.from(Arrays.stream(vectors).map(Embedding::from).toList());
  }
}
