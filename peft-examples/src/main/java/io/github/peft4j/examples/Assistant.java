package io.github.peft4j.examples;

import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.model.embedding.EmbeddingModel;
import dev.langchain4j.rag.content.Content;
import dev.langchain4j.rag.content.retriever.ContentRetriever;
import dev.langchain4j.rag.content.retriever.EmbeddingStoreContentRetriever;
import dev.langchain4j.rag.query.Query;
import dev.langchain4j.service.AiServices;
import dev.langchain4j.store.embedding.inmemory.InMemoryEmbeddingStore;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.examples.langchain4j.PeftChatModel;
import io.github.peft4j.examples.langchain4j.PeftEmbeddingModel;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.pretrained.MiniLm;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Answers a question from the texts of a file, with LangChain4j: MiniLM finds the texts that fit
 * the question, and an instruct model answers from them.
 *
 * <pre>
 * mvn -q compile exec:java -Dexec.mainClass=io.github.peft4j.examples.Assistant \
 *     -Dexec.args="--texts faq.txt --ask 'How do I reset the PIN?'"
 * </pre>
 */
public final class Assistant {

  static final Program PROGRAM =
      new Program(
          "Assistant",
          "answers a question from the texts of a file, with LangChain4j",
          """
          --texts FILE        what it knows: a text in each line
          --ask TEXT          the question
          [--best N]          the number of texts to find, 3 by default
          [--model DIR|NAME]  a decoder with a chat template; without it, only the texts are shown
          [--adapter DIR]     an adapter for the model
          [--tokens N]        the most tokens of the answer, 200 by default
          """);

  private Assistant() {}

  /** What LangChain4j implements. */
  public interface Answers {
    /** Answers a question. */
    String answer(String question);
  }

  /** Runs it. */
  public static void main(String... args) {
    PROGRAM.main(args, Assistant::run);
  }

  static void run(Arguments arguments) {
    List<TextSegment> texts = texts(Path.of(arguments.text("texts")));
    String question = arguments.text("ask");
    try (PeftModel encoder = MiniLm.embedder()) {
      ContentRetriever retriever =
          retriever(new PeftEmbeddingModel(encoder.embedder()), texts, arguments.count("best", 3));
      for (Content found : retriever.retrieve(Query.from(question))) {
        System.out.println("found: " + found.textSegment().text());
      }
      if (arguments.has("model")) {
        System.out.println("answer: " + answer(question, retriever, arguments));
      }
    }
  }

  private static List<TextSegment> texts(Path file) {
    try {
      List<TextSegment> texts =
          Files.readAllLines(file).stream()
              .filter(line -> !line.isBlank())
              .map(TextSegment::from)
              .toList();
      if (texts.isEmpty()) {
        throw new IllegalArgumentException(file + " has no text; expected one in each line");
      }
      return texts;
    } catch (IOException e) {
      throw new UncheckedIOException(file + " cannot be read", e);
    }
  }

  private static ContentRetriever retriever(
      EmbeddingModel embeddings, List<TextSegment> texts, int best) {
    InMemoryEmbeddingStore<TextSegment> store = new InMemoryEmbeddingStore<>();
    store.addAll(embeddings.embedAll(texts).content(), texts);
    return EmbeddingStoreContentRetriever.builder()
        .embeddingStore(store)
        .embeddingModel(embeddings)
        .maxResults(best)
        .build();
  }

  private static String answer(String question, ContentRetriever retriever, Arguments arguments) {
    GenerationConfig config =
        GenerationConfig.greedy().maxNewTokens(arguments.count("tokens", 200));
    try (PeftModel model = Peft.from(arguments.text("model")).load()) {
      if (arguments.has("adapter")) {
        model.loadAdapter(arguments.text("adapter"));
      }
      return AiServices.builder(Answers.class)
          .chatModel(new PeftChatModel(model, config))
          .contentRetriever(retriever)
          .build()
          .answer(question);
    }
  }
}
