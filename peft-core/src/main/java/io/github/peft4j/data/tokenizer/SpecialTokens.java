package io.github.peft4j.data.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.data.DataException;
import io.github.peft4j.io.JsonFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The special tokens of a tokenizer, from its tokenizer.json and the files next to it. */
final class SpecialTokens {

  /** The role of a special token. */
  enum Role {
    PAD,
    EOS,
    BOS,
    CLS,
    SEP,
    MASK,
    UNK;

    private List<String> customaryNames() {
      return switch (this) {
        case PAD -> List.of("[PAD]", "<pad>", "<|pad|>", "<|finetune_right_pad_id|>");
        case EOS -> List.of("</s>", "<|endoftext|>", "<|end_of_text|>", "<eos>");
        case BOS -> List.of("<s>", "<|begin_of_text|>", "<bos>");
        case CLS -> List.of("[CLS]");
        case SEP -> List.of("[SEP]");
        case MASK -> List.of("[MASK]", "<mask>");
        case UNK -> List.of("[UNK]", "<unk>");
      };
    }

    private String key() {
      return name().toLowerCase(Locale.ROOT) + "_token";
    }
  }

  private final Vocabulary vocabulary;
  private final Map<Role, Long> ids = new EnumMap<>(Role.class);

  private SpecialTokens(Vocabulary vocabulary, List<JsonObject> names, List<JsonObject> configs) {
    this.vocabulary = vocabulary;
    for (Role role : Role.values()) {
      Stream<@Nullable Long> candidates =
          Stream.of(
                  names.stream().map(file -> content(file.get(role.key()))).map(vocabulary::id),
                  configs.stream().map(config -> id(config.get(role.key() + "_id"))),
                  Stream.of(role == Role.PAD ? vocabulary.padId() : null),
                  role.customaryNames().stream().map(vocabulary::addedId))
              .flatMap(ids -> ids);
      candidates
          .filter(
              id ->
                  id != null
                      && id < vocabulary.size()) // some configs name ids beyond the vocabulary
          .findFirst()
          .ifPresent(id -> ids.put(role, id));
    }
  }

  /** Reads the content of a tokenizer.json and, if it comes from a file, the files next to it. */
  static SpecialTokens read(byte[] json, @Nullable Path file) {
    List<JsonObject> names =
        List.of(beside(file, "special_tokens_map.json"), beside(file, "tokenizer_config.json"));
    List<String> wanted =
        names.stream()
            .flatMap(object -> object.asMap().values().stream())
            .map(SpecialTokens::content)
            .filter(Objects::nonNull)
            .toList();
    return new SpecialTokens(
        Vocabulary.read(json, wanted, file == null ? "tokenizer.json" : file.toString()),
        names,
        List.of(beside(file, "generation_config.json"), beside(file, "config.json")));
  }

  private static JsonObject beside(@Nullable Path file, String name) {
    Path path = file == null ? null : file.resolveSibling(name);
    if (path == null || !Files.isRegularFile(path)) {
      return new JsonObject();
    }
    try {
      return JsonFile.read(path);
    } catch (IllegalArgumentException | UncheckedIOException e) {
      throw new DataException(path + ": expected a JSON object. Download the file again", e);
    }
  }

  /** The text of a token, which is given as a string or as an object with the text as "content". */
  private static @Nullable String content(@Nullable JsonElement token) {
    if (token instanceof JsonObject object) {
      return content(object.get("content"));
    }
    return token instanceof JsonPrimitive text ? text.getAsString() : null;
  }

  /** The id in a config, which is given as a number or as an array, of which the first counts. */
  private static @Nullable Long id(@Nullable JsonElement id) {
    if (id instanceof JsonArray several) {
      return several.isEmpty() ? null : id(several.get(0));
    }
    if (id instanceof JsonPrimitive primitive && primitive.isNumber()) {
      return primitive.getAsLong() >= 0 ? primitive.getAsLong() : null;
    }
    return null;
  }

  OptionalLong id(Role role) {
    Long id = ids.get(role);
    return id == null ? OptionalLong.empty() : OptionalLong.of(id);
  }

  int modelVocabularySize() {
    return vocabulary.modelSize();
  }

  int vocabularySize() {
    return vocabulary.size();
  }

  @Override
  public String toString() {
    return ids.toString().toLowerCase(Locale.ROOT);
  }
}
