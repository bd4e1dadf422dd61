package io.github.peft4j.data.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import io.github.peft4j.data.tokenizer.AssembledTokenizer.Origin;
import io.github.peft4j.data.tokenizer.Components.Place;
import io.github.peft4j.data.tokenizer.SpecialTokens.Role;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A class of tokenizers in transformers 5. Most take the vocabulary (and merges) out of
 * tokenizer.json and build everything else anew, from fields of tokenizer_config.json. Therefore
 * tokenizer.json alone does not say which ids a text has.
 *
 * @param name in transformers
 * @param model the type of its model in tokenizer.json; null if tokenizer.json is used as it is
 * @param types whether it gives segment ids to a model
 * @param tokens the special tokens, unless the settings name others
 * @param extras further special tokens, unless the settings name others
 * @param pipeline builds the parts that do not depend on special tokens; null if model is null
 * @param ends builds the post-processor; null if it is that of the file
 */
record TokenizerClass(
    String name,
    @Nullable String model,
    boolean types,
    Map<Role, AddedToken> tokens,
    Function<TokenizerSettings, List<AddedToken>> extras,
    @Nullable Function<Source, Pipeline> pipeline,
    @Nullable Function<Source, JsonObject> ends) {

  private static final Set<String> LEFT_PADDING = Set.of("GemmaTokenizer", "LlamaTokenizer");
  private static final Set<String> SPACED_WORDS = Set.of("GPT2Tokenizer", "RobertaTokenizer");

  /** A class that uses tokenizer.json as it is. */
  static TokenizerClass asStored(String name) {
    return new TokenizerClass(name, null, false, Map.of(), settings -> List.of(), null, null);
  }

  /** The side on which transformers pads, unless the settings name another. */
  String paddingSide() {
    return LEFT_PADDING.contains(name) ? "left" : "right";
  }

  /**
   * Whether words of a list need {@code add_prefix_space}: transformers 4 refuses such words
   * without it, and run_ner.py sets it.
   */
  boolean prefixesWords() {
    return SPACED_WORDS.contains(name);
  }

  /**
   * The parts of a tokenizer.json before the post-processor.
   *
   * @param model without vocabulary and merges
   * @param preTokenizer null for none
   * @param normalizer null for none
   */
  record Pipeline(
      JsonObject model,
      @Nullable JsonElement normalizer,
      @Nullable JsonElement preTokenizer,
      JsonElement decoder) {

    void into(JsonObject parts) {
      parts.add("normalizer", normalizer == null ? JsonNull.INSTANCE : normalizer);
      parts.add("pre_tokenizer", preTokenizer == null ? JsonNull.INSTANCE : preTokenizer);
      parts.add("decoder", decoder);
      parts.add(TokenizerJson.MODEL, model);
    }
  }

  /** What a tokenizer is built from. */
  record Source(
      TokenizerSettings settings,
      TokenizerJson json,
      Origin origin,
      Map<String, AddedToken> named,
      AddedTokens added) {

    boolean flag(String field, boolean otherwise) {
      return settings.flag(field, otherwise);
    }

    /** The text of a special token. */
    String token(Role role) {
      AddedToken token = named.get(role.key());
      if (token == null) {
        throw settings.error(role.key(), null, "a token, since this class of tokenizers needs one");
      }
      return token.content();
    }

    long id(String token) {
      Long id = added.id(token);
      if (id == null) {
        throw new IllegalStateException("'" + token + "' is not in the vocabulary");
      }
      return id;
    }

    /** The file's SentencePiece normalizer, or null. */
    @Nullable JsonElement precompiled() {
      return precompiled(json.part("normalizer"));
    }

    private static @Nullable JsonElement precompiled(JsonElement normalizer) {
      if (!(normalizer instanceof JsonObject object)) {
        return null;
      }
      if (object.has("precompiled_charsmap")) {
        return object;
      }
      if (object.get("normalizers") instanceof JsonArray several) {
        for (JsonElement each : several) {
          JsonElement found = precompiled(each);
          if (found != null) {
            return found;
          }
        }
      }
      return null;
    }

    /** One text and a pair between special tokens, all of segment 0. */
    JsonObject template(List<String> single, List<String> pair) {
      return Components.template(
          single.stream().map(Place::of).toList(), pair.stream().map(Place::of).toList(), this::id);
    }

    /** {@code [CLS] A [SEP] B [SEP]}, of which the last two are segment 1. */
    JsonObject segments(String cls, String sep) {
      List<Place> single = List.of(Place.of(cls), Place.of("$A"), Place.of(sep));
      List<Place> pair = new ArrayList<>(single);
      pair.add(new Place("$B", 1));
      pair.add(new Place(sep, 1));
      return Components.template(single, pair, this::id);
    }

    /**
     * Each text between the tokens that {@code add_bos_token} and {@code add_eos_token} ask for.
     * Beside a tokenizer.json, transformers ignores these fields.
     */
    JsonObject bosAndEos() {
      boolean counts = origin == Origin.VOCABULARY;
      boolean bos = counts && flag("add_bos_token", false);
      boolean eos = counts && flag("add_eos_token", false);
      List<Place> single = new ArrayList<>();
      List<Place> pair = new ArrayList<>();
      for (int type = 0; type < 2; type++) {
        List<Place> part = new ArrayList<>();
        if (bos && named.containsKey(Role.BOS.key())) {
          part.add(new Place(token(Role.BOS), type));
        }
        part.add(new Place(type == 0 ? "$A" : "$B", type));
        if (eos && named.containsKey(Role.EOS.key())) {
          part.add(new Place(token(Role.EOS), type));
        }
        if (type == 0) {
          single.addAll(part);
        }
        pair.addAll(part);
      }
      return Components.template(single, pair, this::id);
    }
  }
}
