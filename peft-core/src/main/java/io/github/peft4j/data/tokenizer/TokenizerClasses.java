package io.github.peft4j.data.tokenizer;

import static io.github.peft4j.data.tokenizer.Components.bertNormalizer;
import static io.github.peft4j.data.tokenizer.Components.bpe;
import static io.github.peft4j.data.tokenizer.Components.byteLevel;
import static io.github.peft4j.data.tokenizer.Components.component;
import static io.github.peft4j.data.tokenizer.Components.decoders;
import static io.github.peft4j.data.tokenizer.Components.metaspace;
import static io.github.peft4j.data.tokenizer.Components.normalizers;
import static io.github.peft4j.data.tokenizer.Components.preTokenizers;
import static io.github.peft4j.data.tokenizer.Components.replace;
import static io.github.peft4j.data.tokenizer.Components.replaceAll;
import static io.github.peft4j.data.tokenizer.Components.robertaProcessing;
import static io.github.peft4j.data.tokenizer.Components.split;
import static io.github.peft4j.data.tokenizer.Components.unigram;
import static io.github.peft4j.data.tokenizer.Components.wordPiece;
import static io.github.peft4j.data.tokenizer.Components.wordPieceDecoder;
import static io.github.peft4j.data.tokenizer.SpecialTokens.Role.BOS;
import static io.github.peft4j.data.tokenizer.SpecialTokens.Role.CLS;
import static io.github.peft4j.data.tokenizer.SpecialTokens.Role.EOS;
import static io.github.peft4j.data.tokenizer.SpecialTokens.Role.MASK;
import static io.github.peft4j.data.tokenizer.SpecialTokens.Role.PAD;
import static io.github.peft4j.data.tokenizer.SpecialTokens.Role.SEP;
import static io.github.peft4j.data.tokenizer.SpecialTokens.Role.UNK;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.data.tokenizer.SpecialTokens.Role;
import io.github.peft4j.data.tokenizer.TokenizerClass.Pipeline;
import io.github.peft4j.data.tokenizer.TokenizerClass.Source;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The classes of tokenizers of the supported families, as transformers 5.24 builds them. */
final class TokenizerClasses {

  private static final Logger LOG = LoggerFactory.getLogger(TokenizerClasses.class);

  private static final String QWEN_WORDS =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  private static final List<String> MBART_LANGUAGES =
      List.of(
          "ar_AR", "cs_CZ", "de_DE", "en_XX", "es_XX", "et_EE", "fi_FI", "fr_XX", "gu_IN", "hi_IN",
          "it_IT", "ja_XX", "kk_KZ", "ko_KR", "lt_LT", "lv_LV", "my_MM", "ne_NP", "nl_XX", "ro_RO",
          "ru_RU", "si_LK", "tr_TR", "vi_VN", "zh_CN");

  static final TokenizerClass BACKEND = TokenizerClass.asStored("TokenizersBackend");

  private static final Map<String, TokenizerClass> BY_NAME = new HashMap<>();

  /** The class of a model type, where transformers knows one that builds anew. */
  private static final Map<String, String> BY_MODEL_TYPE = new HashMap<>();

  /** Model types whose own class wins over the one that tokenizer_config.json names. */
  private static final Set<String> OFTEN_MISNAMED = Set.of("modernbert", "phi3", "qwen2");

  static {
    bert("BertTokenizer", true);
    bert("DistilBertTokenizer", false);
    mpnet();
    byteLevelClass(
        "GPT2Tokenizer",
        null,
        roles(Map.of(UNK, "<|endoftext|>", BOS, "<|endoftext|>", EOS, "<|endoftext|>")),
        null);
    byteLevelClass("RobertaTokenizer", null, robertaRoles(), TokenizerClasses::robertaEnds);
    Map<Role, AddedToken> neox =
        roles(Map.of(UNK, "<|endoftext|>", BOS, "<|endoftext|>", EOS, "<|endoftext|>"));
    neox.put(PAD, AddedToken.special("<|padding|>"));
    byteLevelClass("GPTNeoXTokenizer", component("NFC"), neox, Source::bosAndEos);
    qwen2();
    llama();
    gemma();
    t5();
    xlmRoberta();
    camembert();
    albert();
    debertaV2();
    mbart();
    pegasus();
    marian();
    alias("BertTokenizer", "Electra", "MobileBert", "SqueezeBert", "LayoutLM", "Lxmert");
    alias("RobertaTokenizer", "Bart", "Longformer", "LED", "Mvp");
    for (String name : List.of("TokenizersBackend", "PreTrainedTokenizer", "BloomTokenizer")) {
      BY_NAME.put(name, BACKEND);
    }
    types("BertTokenizer", "bert", "distilbert", "electra");
    types("GPT2Tokenizer", "gpt2", "gpt_neo", "opt", "phi", "starcoder2");
    types("RobertaTokenizer", "roberta", "bart");
    types("GPTNeoXTokenizer", "gpt_neox", "olmo");
    types("Qwen2Tokenizer", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe");
    types("GemmaTokenizer", "gemma", "gemma2", "gemma3", "gemma3_text");
    types("T5Tokenizer", "t5", "mt5");
    types("XLMRobertaTokenizer", "xlm-roberta");
    types("CamembertTokenizer", "camembert");
    types("AlbertTokenizer", "albert");
    types("MPNetTokenizer", "mpnet");
    types("DebertaV2Tokenizer", "deberta-v2");
    types("MBartTokenizer", "mbart");
    types("PegasusTokenizer", "pegasus");
    types("MarianTokenizer", "marian");
    types("TokenizersBackend", "granite", "mistral", "mixtral", "modernbert", "olmo2", "phi3");
  }

  private TokenizerClasses() {}

  /**
   * The class that transformers' AutoTokenizer takes.
   *
   * @param byteLevel whether tokenizer.json has byte-level parts
   */
  static TokenizerClass of(TokenizerSettings settings, boolean byteLevel) {
    String declared = settings.declaredClass();
    String type = settings.modelType();
    String usual = BY_MODEL_TYPE.get(type);
    boolean misnamed = OFTEN_MISNAMED.contains(type);
    if ("LlamaTokenizer".equals(declared) && byteLevel && !misnamed) {
      return BACKEND; // Llama 3: the class builds SentencePiece's kind
    }
    if (declared == null) {
      return usual == null ? BACKEND : named(usual);
    }
    if (usual == null || usual.equals(declared)) {
      return named(declared);
    }
    return BACKEND.name().equals(usual) ? BACKEND : named(misnamed ? usual : declared);
  }

  private static TokenizerClass named(String name) {
    TokenizerClass known = BY_NAME.get(name);
    if (known != null) {
      return known;
    }
    LOG.warn(
        "tokenizer_class is {}, which peft4j does not know: tokenizer.json is used as it is. If"
            + " transformers gives other ids, save the tokenizer there as a"
            + " PreTrainedTokenizerFast",
        name);
    return TokenizerClass.asStored(name);
  }

  private static void alias(String name, String... others) {
    for (String other : others) {
      BY_NAME.put(other + "Tokenizer", BY_NAME.get(name));
    }
  }

  private static void types(String name, String... modelTypes) {
    for (String type : modelTypes) {
      BY_MODEL_TYPE.put(type, name);
    }
  }

  private static void add(
      String name,
      String model,
      boolean types,
      Map<Role, AddedToken> tokens,
      Function<TokenizerSettings, List<AddedToken>> extras,
      Function<Source, Pipeline> pipeline,
      @Nullable Function<Source, JsonObject> ends) {
    BY_NAME.put(name, new TokenizerClass(name, model, types, tokens, extras, pipeline, ends));
  }

  private static Map<Role, AddedToken> roles(Map<Role, String> tokens) {
    Map<Role, AddedToken> roles = new EnumMap<>(Role.class);
    tokens.forEach((role, token) -> roles.put(role, AddedToken.special(token)));
    return roles;
  }

  /** RoBERTa's special tokens, which many share. */
  private static Map<Role, AddedToken> robertaRoles() {
    return roles(
        Map.of(
            BOS, "<s>", CLS, "<s>", EOS, "</s>", SEP, "</s>", UNK, "<unk>", PAD, "<pad>", MASK,
            "<mask>"));
  }

  private static Map<Role, AddedToken> bertRoles() {
    return roles(Map.of(UNK, "[UNK]", SEP, "[SEP]", PAD, "[PAD]", CLS, "[CLS]", MASK, "[MASK]"));
  }

  private static List<AddedToken> special(Stream<String> tokens) {
    return tokens.map(AddedToken::special).toList();
  }

  private static List<AddedToken> none(TokenizerSettings settings) {
    return List.of();
  }

  // WordPiece

  private static void bert(String name, boolean types) {
    add(
        name,
        "WordPiece",
        types,
        bertRoles(),
        TokenizerClasses::none,
        TokenizerClasses::wordPieces,
        source -> source.segments(source.token(CLS), source.token(SEP)));
  }

  private static Pipeline wordPieces(Source source) {
    return new Pipeline(
        wordPiece(source.token(UNK)),
        bertNormalizer(
            source.flag("tokenize_chinese_chars", true),
            source.settings().flag("strip_accents"),
            source.flag("do_lower_case", true)),
        component("BertPreTokenizer"),
        wordPieceDecoder());
  }

  private static void mpnet() {
    Map<Role, AddedToken> tokens = robertaRoles();
    tokens.put(UNK, AddedToken.special("[UNK]"));
    tokens.put(MASK, AddedToken.special("<mask>").strippingLeft());
    add(
        "MPNetTokenizer",
        "WordPiece",
        false,
        tokens,
        TokenizerClasses::none,
        TokenizerClasses::wordPieces,
        TokenizerClasses::mpnetEnds);
  }

  private static JsonObject robertaEnds(Source source) {
    boolean trimOffsets = source.flag("trim_offsets", true);
    return robertaEnds(source, trimOffsets, source.flag("add_prefix_space", false));
  }

  private static JsonObject mpnetEnds(Source source) {
    return robertaEnds(source, true, false);
  }

  private static JsonObject robertaEnds(Source source, boolean trimOffsets, boolean prefixSpace) {
    String sep = source.token(SEP);
    String cls = source.token(CLS);
    return robertaProcessing(sep, source.id(sep), cls, source.id(cls), trimOffsets, prefixSpace);
  }

  // Byte-level BPE

  private static void byteLevelClass(
      String name,
      @Nullable JsonObject normalizer,
      Map<Role, AddedToken> tokens,
      @Nullable Function<Source, JsonObject> ends) {
    add(
        name,
        "BPE",
        false,
        tokens,
        TokenizerClasses::none,
        source ->
            new Pipeline(
                bpe(null, false, false),
                normalizer,
                byteLevel(source.flag("add_prefix_space", false), true),
                byteLevel(true, true)),
        ends);
  }

  private static void qwen2() {
    add(
        "Qwen2Tokenizer",
        "BPE",
        false,
        roles(Map.of(UNK, "<|endoftext|>", EOS, "<|endoftext|>", PAD, "<|endoftext|>")),
        TokenizerClasses::none,
        source ->
            new Pipeline(
                bpe(null, false, false),
                component("NFC"),
                preTokenizers(
                    List.of(
                        split(QWEN_WORDS),
                        byteLevel(source.flag("add_prefix_space", false), false))),
                byteLevel(true, true)),
        null);
  }

  // SentencePiece's BPE

  private static void llama() {
    add(
        "LlamaTokenizer",
        "BPE",
        false,
        roles(Map.of(UNK, "<unk>", BOS, "<s>", EOS, "</s>")),
        TokenizerClasses::none,
        source -> {
          boolean prefix = source.flag("add_prefix_space", true);
          boolean legacy = source.flag("legacy", false);
          List<JsonElement> decoder = new ArrayList<>(byteDecoders());
          if (prefix) {
            decoder.add(component("Strip", "content", " ", "start", 1, "stop", 0));
          }
          return new Pipeline(
              bpe(null, true, true),
              null,
              metaspace(!prefix ? "never" : legacy ? "always" : "first", false),
              decoders(decoder));
        },
        null);
  }

  private static List<JsonElement> byteDecoders() {
    return List.of(replace("▁", " "), component("ByteFallback"), component("Fuse"));
  }

  private static void gemma() {
    add(
        "GemmaTokenizer",
        "BPE",
        false,
        roles(Map.of(UNK, "<unk>", BOS, "<bos>", EOS, "<eos>", PAD, "<pad>", MASK, "<mask>")),
        TokenizerClasses::none,
        source ->
            new Pipeline(
                bpe(source.token(UNK), true, true),
                replace(" ", "▁"),
                splitBySpaces(),
                decoders(byteDecoders())),
        null);
  }

  private static JsonObject splitBySpaces() {
    JsonObject pattern = new JsonObject();
    pattern.addProperty("String", " ");
    return component(
        "Split", "pattern", pattern, "behavior", "MergedWithPrevious", "invert", false);
  }

  // Unigram

  private static void t5() {
    add(
        "T5Tokenizer",
        "Unigram",
        false,
        roles(Map.of(EOS, "</s>", UNK, "<unk>", PAD, "<pad>")),
        settings ->
            special(
                IntStream.range(0, settings.number("extra_ids", 100))
                    .mapToObj(i -> "<extra_id_" + i + ">")),
        source ->
            new Pipeline(
                unigram(2), source.precompiled(), words("always"), metaspace("always", true)),
        source -> source.template(List.of("$A", "</s>"), List.of("$A", "</s>", "$B", "</s>")));
  }

  /** Words, each with SentencePiece's mark before it. */
  private static JsonObject words(String scheme) {
    return preTokenizers(List.of(component("WhitespaceSplit"), metaspace(scheme, true)));
  }

  private static String scheme(Source source, String otherwise) {
    return source.flag("add_prefix_space", true) ? "always" : otherwise;
  }

  private static void xlmRoberta() {
    add(
        "XLMRobertaTokenizer",
        "Unigram",
        false,
        robertaRoles(),
        TokenizerClasses::none,
        source -> sentencePieces(source, 3),
        TokenizerClasses::twoSeparators);
  }

  private static Pipeline sentencePieces(Source source, long unknown) {
    String scheme = scheme(source, "never");
    return new Pipeline(
        unigram(unknown), source.precompiled(), words(scheme), metaspace(scheme, true));
  }

  private static JsonObject twoSeparators(Source source) {
    String bos = source.token(BOS);
    String eos = source.token(EOS);
    return source.template(List.of(bos, "$A", eos), List.of(bos, "$A", eos, eos, "$B", eos));
  }

  private static void camembert() {
    Map<Role, AddedToken> tokens = robertaRoles();
    tokens.put(MASK, AddedToken.special("<mask>").strippingLeft());
    add(
        "CamembertTokenizer",
        "Unigram",
        false,
        tokens,
        settings -> special(Stream.of("<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED")),
        source -> {
          Long unknown = source.added().vocabulary().id(source.token(UNK));
          return sentencePieces(source, unknown == null ? 0 : unknown);
        },
        TokenizerClasses::twoSeparators);
  }

  private static void albert() {
    add(
        "AlbertTokenizer",
        "Unigram",
        false,
        roles(
            Map.of(
                BOS, "[CLS]", CLS, "[CLS]", EOS, "[SEP]", SEP, "[SEP]", UNK, "<unk>", PAD, "<pad>",
                MASK, "[MASK]")),
        TokenizerClasses::none,
        source -> {
          List<JsonElement> steps =
              new ArrayList<>(List.of(replace("``", "\""), replace("''", "\"")));
          if (!source.flag("keep_accents", false)) {
            steps.add(component("NFKD"));
            steps.add(component("StripAccents"));
          }
          if (source.flag("do_lower_case", true)) {
            steps.add(component("Lowercase"));
          }
          JsonElement precompiled = source.precompiled();
          if (precompiled != null) {
            steps.add(precompiled);
          }
          String scheme = scheme(source, "never");
          return new Pipeline(
              unigram(1), normalizers(steps), words(scheme), metaspace(scheme, true));
        },
        source -> source.segments(source.token(CLS), source.token(SEP)));
  }

  private static void debertaV2() {
    Map<Role, AddedToken> tokens = bertRoles();
    tokens.put(BOS, AddedToken.special("[CLS]"));
    tokens.put(EOS, AddedToken.special("[SEP]"));
    add(
        "DebertaV2Tokenizer",
        "Unigram",
        true,
        tokens,
        TokenizerClasses::none,
        source -> {
          List<JsonElement> steps = new ArrayList<>();
          if (source.flag("do_lower_case", false)) {
            steps.add(component("Lowercase"));
          }
          steps.add(replaceAll("\\s{2,}|[\\n\\r\\t]", " "));
          steps.add(component("NFC"));
          steps.add(component("Strip", "strip_left", false, "strip_right", true));
          String scheme = scheme(source, "first");
          List<JsonElement> words = new ArrayList<>();
          if (source.flag("split_by_punct", false)) {
            words.add(component("Punctuation", "behavior", "Isolated"));
          }
          words.add(metaspace(scheme, true));
          String unknown = source.token(UNK);
          Double score = source.added().vocabulary().score(unknown);
          long id =
              score != null && score == 0
                  ? source.id(unknown)
                  : source.settings().number("unk_id", 1);
          return new Pipeline(
              unigram(id), normalizers(steps), preTokenizers(words), metaspace(scheme, true));
        },
        source -> source.segments(source.token(CLS), source.token(SEP)));
  }

  private static void mbart() {
    Map<Role, AddedToken> tokens = robertaRoles();
    tokens.put(MASK, AddedToken.special("<mask>").strippingLeft());
    add(
        "MBartTokenizer",
        "Unigram",
        false,
        tokens,
        settings -> special(MBART_LANGUAGES.stream()),
        source -> new Pipeline(unigram(3), null, words("always"), metaspace("always", true)),
        source -> {
          String language = String.valueOf(source.settings().text("src_lang", "en_XX"));
          if (source.added().id(language) == null) {
            throw source.settings().error("src_lang", language, "one of " + MBART_LANGUAGES);
          }
          String eos = source.token(EOS);
          return source.template(List.of("$A", eos, language), List.of("$A", "$B", eos, language));
        });
  }

  private static void pegasus() {
    add(
        "PegasusTokenizer",
        "Unigram",
        false,
        roles(Map.of(PAD, "<pad>", EOS, "</s>", UNK, "<unk>", MASK, "<mask_2>")),
        settings ->
            special(
                Stream.concat(
                    Stream.of(String.valueOf(settings.text("mask_token_sent", "<mask_1>"))),
                    IntStream.range(2, settings.number("offset", 103))
                        .mapToObj(i -> "<unk_" + i + ">"))),
        source -> {
          JsonElement precompiled = source.precompiled();
          return new Pipeline(
              unigram(source.id(source.token(UNK))),
              normalizers(
                  List.of(
                      precompiled == null ? replaceAll("\\n", " ") : precompiled,
                      replaceAll(" {2,}", " "))),
              metaspace("always", true),
              metaspace("always", true));
        },
        source -> {
          String eos = source.token(EOS);
          return source.template(List.of("$A", eos), List.of("$A", "$B", eos));
        });
  }

  // Words

  /** The vocabulary only: {@link MarianCodec} cuts the texts. */
  private static void marian() {
    add(
        MarianCodec.CLASS,
        "WordLevel",
        false,
        roles(Map.of(UNK, "<unk>", EOS, "</s>", PAD, "<pad>")),
        TokenizerClasses::none,
        source ->
            new Pipeline(
                component("WordLevel", "unk_token", source.token(UNK)),
                null,
                null,
                metaspace("always", false)),
        source -> {
          String eos = source.token(EOS);
          return source.template(List.of("$A", eos), List.of("$A", "$B", eos));
        });
  }
}
