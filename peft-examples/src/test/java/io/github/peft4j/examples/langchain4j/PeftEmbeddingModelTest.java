package io.github.peft4j.examples.langchain4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.embedding.EmbeddingModel;
import dev.langchain4j.model.embedding.request.EmbeddingRequest;
import dev.langchain4j.store.embedding.EmbeddingSearchRequest;
import dev.langchain4j.store.embedding.inmemory.InMemoryEmbeddingStore;
import io.github.peft4j.PeftModel;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.pretrained.MiniLm;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** LangChain4j's embedding model over MiniLM. */
class PeftEmbeddingModelTest {

  private static final List<String> TEXTS =
      List.of(
          "Your parcel arrives within three days.",
          "To reset your PIN, open the settings of your card.",
          "Our shop is closed on Sundays.");

  private static PeftModel model;

  @BeforeAll
  static void load() {
    model = MiniLm.embedder();
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static List<TextSegment> segments() {
    return TEXTS.stream().map(TextSegment::from).toList();
  }

  @Test
  void vectorsAreThoseOfTheModel() {
    EmbeddingModel embeddings = new PeftEmbeddingModel(model.embedder());

    assertThat(embeddings.embedAll(segments()).content())
        .extracting(embedding -> embedding.vector())
        .containsExactly(model.embed(TEXTS));
    assertThat(embeddings.embed(TEXTS.get(0)).content().vector())
        .isEqualTo(model.embed(TEXTS.get(0)));
    assertThat(embeddings.dimension()).isEqualTo(384);
    assertThat(embeddings.embedAll(List.of()).content()).isEmpty();
  }

  @Test
  void aStoreFindsWhatFits() {
    EmbeddingModel embeddings = new PeftEmbeddingModel(model.embedder());
    InMemoryEmbeddingStore<TextSegment> store = new InMemoryEmbeddingStore<>();
    store.addAll(embeddings.embedAll(segments()).content(), segments());

    Stream.of("How do I get a new PIN?", "When will my package be here?", "Are you open today?")
        .forEach(
            question ->
                assertThat(
                        store
                            .search(
                                EmbeddingSearchRequest.builder()
                                    .queryEmbedding(embeddings.embed(question).content())
                                    .maxResults(1)
                                    .build())
                            .matches())
                    .singleElement()
                    .satisfies(
                        match ->
                            assertThat(match.embedded().text())
                                .isEqualTo(
                                    TEXTS.get(
                                        question.contains("PIN")
                                            ? 1
                                            : question.contains("package") ? 0 : 2))));
  }

  @Test
  void settingsThatItHasNotAreRefused() {
    EmbeddingModel embeddings = new PeftEmbeddingModel(model.embedder());
    EmbeddingRequest request =
        EmbeddingRequest.builder().inputs(TEXTS.toArray(String[]::new)).dimensions(64).build();

    assertThatThrownBy(() -> embeddings.embed(request))
        .isInstanceOf(UnsupportedFeatureException.class);
  }

  @Test
  void adaptersInParallelAreRefused() {
    try (PeftModel adapted = MiniLm.embedder()) {
      adapted.adapt("a", LoraConfig.ofRank(2)).adapt("b", LoraConfig.ofRank(2));
      EmbeddingModel embeddings =
          new PeftEmbeddingModel(adapted.using(Composition.parallel("a", "b")).embedder());

      assertThatThrownBy(() -> embeddings.embedAll(segments()))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("6 vectors for 3 texts");
    }
  }
}
