package io.github.peft4j.data.tokenizer;

import com.google.gson.JsonArray;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Added tokens with their ids. They get the ids that the tokenizers library gives. */
final class AddedTokens {

  private final Vocabulary vocabulary;
  private final Map<String, AddedToken> tokens = new LinkedHashMap<>();
  private final Map<String, Long> ids = new LinkedHashMap<>();

  AddedTokens(Vocabulary vocabulary) {
    this.vocabulary = vocabulary;
  }

  /**
   * Adds a token, or gives a token new flags. A token of the vocabulary keeps its id; others get
   * the next id that is free.
   */
  void add(AddedToken token) {
    String content = token.content();
    if (content.isEmpty()) {
      return; // as the library does
    }
    AddedToken former = tokens.get(content);
    tokens.put(content, former != null && former.special() ? token.asSpecial() : token);
    if (former == null) {
      Long known = vocabulary.id(content);
      ids.put(content, known != null ? known : next());
    }
  }

  private long next() {
    long largest = ids.values().stream().mapToLong(Long::longValue).max().orElse(-1);
    return Math.max(largest + 1, vocabulary.entries());
  }

  boolean contains(String content) {
    return tokens.containsKey(content);
  }

  /** The tokens that are not added. */
  Vocabulary vocabulary() {
    return vocabulary;
  }

  /** The id of a token, added or in the vocabulary. */
  @Nullable Long id(@Nullable String content) {
    Long id = ids.get(content);
    return id != null || content == null ? id : vocabulary.id(content);
  }

  /** The largest id + 1. */
  long size() {
    return Math.max(
        vocabulary.size(), ids.values().stream().mapToLong(id -> id + 1).max().orElse(0));
  }

  Map<String, Long> ids() {
    return ids;
  }

  /** The {@code added_tokens} of a tokenizer.json, in the order in which they were added. */
  JsonArray json() {
    JsonArray json = new JsonArray();
    ids.forEach((content, id) -> json.add(Objects.requireNonNull(tokens.get(content)).json(id)));
    return json;
  }
}
