package io.github.peft4j.data.tokenizer;

import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.data.tokenizer.TokenizerClass.Source;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A tokenizer.json that gives the ids of transformers' AutoTokenizer, made of a vocabulary and what
 * the files beside it say.
 *
 * @param json the tokenizer.json that is computed with
 * @param traits what tokenizer.json does not say
 */
record AssembledTokenizer(TokenizerJson json, Traits traits) {

  private static final Logger LOG = LoggerFactory.getLogger(AssembledTokenizer.class);

  /**
   * What tokenizer.json does not say.
   *
   * @param special the special tokens
   * @param cleansUp whether decoding takes out spaces before punctuation
   * @param givesTypes whether pairs have segment ids
   * @param leftPadding whether transformers pads on the left
   * @param prefixesWords whether words of a list need a space in front that texts do not get
   * @param marksContinuations whether tokens within a word have a mark, as {@code ##ing}
   */
  record Traits(
      SpecialTokens special,
      boolean cleansUp,
      boolean givesTypes,
      boolean leftPadding,
      boolean prefixesWords,
      boolean marksContinuations) {}

  /** What a vocabulary was read from. */
  enum Origin {
    /** A tokenizer.json. Its post-processor is used. */
    TOKENIZER_JSON,
    /** A file of tokens only. */
    VOCABULARY
  }

  static AssembledTokenizer of(
      TokenizerJson json, TokenizerSettings settings, Origin origin, String file) {
    return of(json, settings, origin, file, List.of());
  }

  /**
   * Builds a tokenizer with more tokens.
   *
   * @param more tokens that neither file has as added tokens
   */
  static AssembledTokenizer of(
      TokenizerJson json,
      TokenizerSettings settings,
      Origin origin,
      String file,
      List<AddedToken> more) {
    if (settings.flag("split_special_tokens", false)) {
      throw settings.error(
          "split_special_tokens", true, "false: special tokens in a text are always recognised");
    }
    TokenizerClass named = TokenizerClasses.of(settings, json.mentions("ByteLevel"));
    TokenizerClass type = type(named, json, file);
    Map<Long, AddedToken> declared = settings.added(json);
    Map<String, AddedToken> specials = settings.named(type, declared);
    List<AddedToken> extras = settings.extras();
    if (extras == null) {
      extras = type.extras().apply(settings);
    }
    AddedTokens added =
        new AddedTokens(
            vocabulary(json, List.of(declared.values(), specials.values(), extras, more), file));
    if (type.model() == null) {
      TokenizerSettings.tokens(json.part("added_tokens")).values().forEach(added::add);
    }
    Set<String> special = new HashSet<>();
    specials.values().forEach(token -> special.add(token.content()));
    declared.values().forEach(t -> added.add(special.contains(t.content()) ? t.asSpecial() : t));
    List<AddedToken> further = new ArrayList<>(specials.values());
    further.addAll(extras);
    for (AddedToken token : further) {
      if (!added.contains(token.content())) {
        added.add(token.asSpecial());
      }
    }
    more.forEach(added::add);
    Source source = new Source(settings, json, origin, specials, added);
    TokenizerJson built = json.with(parts(type, source));
    return new AssembledTokenizer(
        built,
        new Traits(
            SpecialTokens.of(specials, added, built, settings),
            cleansUp(settings, built),
            settings.givesTypes(named.types() || settings.isEmpty()),
            "left".equals(settings.text("padding_side", type.paddingSide())),
            type.prefixesWords() && !settings.flag("add_prefix_space", false),
            built.model().get("continuing_subword_prefix") instanceof JsonPrimitive mark
                && !mark.getAsString().isEmpty()));
  }

  /** The token that ends mBART's texts to write, which may be in another language. */
  OptionalLong targetLanguage(TokenizerSettings settings) {
    String language = settings.text("tgt_lang", null);
    if (language == null || !TokenizerClasses.of(settings, false).name().equals("MBartTokenizer")) {
      return OptionalLong.empty();
    }
    OptionalLong id = traits.special().id(language);
    if (id.isEmpty()) {
      throw settings.error("tgt_lang", language, "a language of the vocabulary, such as ro_RO");
    }
    return id;
  }

  /** The class that builds this tokenizer, unless the file has a model of another type. */
  private static TokenizerClass type(TokenizerClass type, TokenizerJson json, String file) {
    String found = json.modelType();
    if (type.model() == null || found.isEmpty() || type.model().equals(found)) {
      return type;
    }
    LOG.warn(
        "{} has a model of type {}. {}, the class that transformers takes for this folder, would"
            + " build one of type {} of it. tokenizer.json is used as it is. Set tokenizer_class to"
            + " PreTrainedTokenizerFast in tokenizer_config.json, so that transformers does the"
            + " same",
        file,
        found,
        type.name(),
        type.model());
    return TokenizerClasses.BACKEND;
  }

  private static Vocabulary vocabulary(
      TokenizerJson json, List<Collection<AddedToken>> several, String file) {
    Set<String> wanted = new HashSet<>();
    several.forEach(tokens -> tokens.forEach(token -> wanted.add(token.content())));
    TokenizerSettings.tokens(json.part("added_tokens"))
        .values()
        .forEach(token -> wanted.add(token.content()));
    return Vocabulary.read(json.bytes(), wanted, file);
  }

  private static JsonObject parts(TokenizerClass type, Source source) {
    JsonObject parts = source.json().parts();
    if (type.pipeline() != null) {
      type.pipeline().apply(source).into(parts);
    }
    parts.add("added_tokens", source.added().json());
    if (type.ends() != null) {
      parts.add("post_processor", type.ends().apply(source));
    } else if (source.origin() == Origin.VOCABULARY) {
      parts.add("post_processor", source.bosAndEos());
    }
    return parts;
  }

  /** transformers leaves BPE's texts as they are, because they have their own spaces. */
  private static boolean cleansUp(TokenizerSettings settings, TokenizerJson json) {
    return settings.flag("clean_up_tokenization_spaces", false)
        && (!json.modelType().equals("BPE")
            || settings.flag(
                "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output", false));
  }
}
