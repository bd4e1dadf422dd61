package io.github.peft4j.data.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
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

    /** The field in tokenizer_config.json. */
    String key() {
      return name().toLowerCase(Locale.ROOT) + "_token";
    }
  }

  private final AddedTokens tokens;
  private final Map<Role, Long> ids = new EnumMap<>(Role.class);
  private final Map<String, String> declared = new LinkedHashMap<>();

  private SpecialTokens(AddedTokens tokens) {
    this.tokens = tokens;
  }

  /**
   * Finds the token of each role. It takes the first that there is: the one that the settings or
   * their class name, the one whose id the model's configs name, the padding of tokenizer.json, or
   * an added token of a customary name.
   */
  static SpecialTokens of(
      Map<String, AddedToken> named,
      AddedTokens tokens,
      TokenizerJson json,
      TokenizerSettings settings) {
    SpecialTokens special = new SpecialTokens(tokens);
    List<JsonObject> configs =
        List.of(settings.beside("generation_config.json"), settings.beside("config.json"));
    Long padding = json.part("padding") instanceof JsonObject p ? id(p.get("pad_id")) : null;
    for (Role role : Role.values()) {
      AddedToken name = named.get(role.key());
      if (name != null) {
        special.declared.put(role.key(), name.content());
      }
      Stream<@Nullable Long> candidates =
          Stream.of(
                  Stream.of(name == null ? null : tokens.id(name.content())),
                  configs.stream().map(config -> id(config.get(role.key() + "_id"))),
                  Stream.of(role == Role.PAD ? padding : null),
                  role.customaryNames().stream().map(tokens.ids()::get))
              .flatMap(ids -> ids);
      candidates
          .filter(id -> id != null && id < tokens.size()) // some configs name ids beyond it
          .findFirst()
          .ifPresent(id -> special.ids.put(role, id));
    }
    return special;
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

  /** The texts of the tokens that the settings or their class name, by their fields. */
  Map<String, String> declared() {
    return Collections.unmodifiableMap(declared);
  }

  /** The id of an added token. */
  long id(AddedToken token) {
    return Objects.requireNonNull(tokens.id(token.content()));
  }

  /** The id of an added token, if there is one of this text. */
  OptionalLong id(String token) {
    Long id = tokens.id(token);
    return id == null ? OptionalLong.empty() : OptionalLong.of(id);
  }

  int modelVocabularySize() {
    return tokens.vocabulary().size();
  }

  int vocabularySize() {
    return Math.toIntExact(tokens.size());
  }

  @Override
  public String toString() {
    return ids.toString().toLowerCase(Locale.ROOT);
  }
}
