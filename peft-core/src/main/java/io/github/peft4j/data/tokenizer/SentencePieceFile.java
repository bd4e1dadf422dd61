package io.github.peft4j.data.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.WireFormat;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.tokenizer.SpecialTokens.Role;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A model of SentencePiece ({@code ModelProto} in its sentencepiece_model.proto): pieces with
 * scores, and the rules that normalise texts.
 *
 * @param pieces in the order of their ids
 * @param charsmap the compiled rules; empty if there are none
 * @param settings numbers of the trainer and the normalizer, as far as they are in the file
 */
@SuppressWarnings("ArrayRecordComponent") // The bytes are read once; nobody compares them.
record SentencePieceFile(List<Piece> pieces, byte[] charsmap, Map<String, Long> settings) {

  private static final List<String> NAMES =
      List.of("tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "spm.model");

  static final int NORMAL = 1;
  static final int UNKNOWN = 2;
  static final int CONTROL = 3;
  private static final int USER_DEFINED = 4;

  private static final int UNIGRAM = 1;

  /**
   * A piece.
   *
   * @param type its number in {@code SentencePiece.Type}
   */
  record Piece(String text, float score, int type) {}

  /** A number in one of the file's messages. */
  private record Setting(int message, int field, String name, long usual) {}

  private static final int TRAINER = 2;
  private static final int NORMALIZER = 3;

  /** What a model must be set to, if a text is cut as a whole. */
  private static final List<Setting> SETTINGS =
      List.of(
          new Setting(TRAINER, 3, "model_type", UNIGRAM),
          new Setting(TRAINER, 24, "treat_whitespace_as_suffix", 0),
          new Setting(TRAINER, 35, "byte_fallback", 0),
          new Setting(NORMALIZER, 3, "add_dummy_prefix", 1),
          new Setting(NORMALIZER, 4, "remove_extra_whitespaces", 1),
          new Setting(NORMALIZER, 5, "escape_whitespaces", 1));

  /** The file in a folder, or null. */
  static @Nullable Path find(Path folder) {
    return NAMES.stream()
        .map(folder::resolve)
        .filter(Files::isRegularFile)
        .findFirst()
        .orElse(null);
  }

  static SentencePieceFile read(Path file) {
    try {
      CodedInputStream in = CodedInputStream.newInstance(Files.readAllBytes(file));
      List<Piece> pieces = new ArrayList<>();
      byte[] charsmap = {};
      Map<String, Long> settings = new LinkedHashMap<>();
      for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
        switch (WireFormat.getTagFieldNumber(tag)) {
          case 1 -> pieces.add(piece(in.readByteArray()));
          case TRAINER -> settings.putAll(settings(TRAINER, in.readByteArray()));
          case NORMALIZER -> {
            byte[] normalizer = in.readByteArray();
            charsmap = charsmap(normalizer);
            settings.putAll(settings(NORMALIZER, normalizer));
          }
          default -> in.skipField(tag);
        }
      }
      return new SentencePieceFile(pieces, charsmap, settings);
    } catch (IOException e) {
      throw new DataException(
          file + " is not a SentencePiece model that can be read: " + e + ". Fetch it again", e);
    }
  }

  private static Piece piece(byte... message) throws IOException {
    CodedInputStream in = CodedInputStream.newInstance(message);
    String text = "";
    float score = 0;
    int type = 1;
    for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
      switch (WireFormat.getTagFieldNumber(tag)) {
        case 1 -> text = in.readString();
        case 2 -> score = in.readFloat();
        case 3 -> type = in.readEnum();
        default -> in.skipField(tag);
      }
    }
    return new Piece(text, score, type);
  }

  private static byte[] charsmap(byte... normalizer) throws IOException {
    CodedInputStream in = CodedInputStream.newInstance(normalizer);
    byte[] charsmap = {};
    for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
      if (WireFormat.getTagFieldNumber(tag) == 2) {
        charsmap = in.readByteArray();
      } else {
        in.skipField(tag);
      }
    }
    return charsmap;
  }

  private static Map<String, Long> settings(int number, byte... message) throws IOException {
    CodedInputStream in = CodedInputStream.newInstance(message);
    Map<String, Long> settings = new LinkedHashMap<>();
    for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
      int field = WireFormat.getTagFieldNumber(tag);
      Optional<Setting> wanted =
          SETTINGS.stream()
              .filter(setting -> setting.message() == number && setting.field() == field)
              .findFirst();
      if (wanted.isPresent()) {
        settings.put(wanted.get().name(), in.readUInt64());
      } else {
        in.skipField(tag);
      }
    }
    return settings;
  }

  /**
   * Refuses a model that cuts texts in another way than a unigram model with the usual settings.
   */
  void requirePlainUnigrams(Path file) {
    for (Setting setting : SETTINGS) {
      long value = settings.getOrDefault(setting.name(), setting.usual());
      if (value != setting.usual()) {
        throw new DataException(
            "%s: %s is %d, and peft4j reads such models only if it is %d. Take another model"
                .formatted(file, setting.name(), value, setting.usual()));
      }
    }
    for (Piece piece : pieces) {
      if (piece.type() == USER_DEFINED) {
        throw new DataException(
            "%s: '%s' is a piece that the user defined, which peft4j does not read in such models."
                    .formatted(file, piece.text())
                + " Take another model");
      }
    }
  }

  /** The compiled rules as a normalizer, or null. */
  @Nullable JsonObject precompiled() {
    return charsmap.length == 0
        ? null
        : Components.component(
            "Precompiled", "precompiled_charsmap", Base64.getEncoder().encodeToString(charsmap));
  }

  /** A tokenizer.json with the model of the file, its added tokens and the compiled rules. */
  JsonObject json(TokenizerClass type, TokenizerSettings settings, Path file) {
    JsonObject json = new JsonObject();
    JsonArray added = new JsonArray();
    for (int id = 0; id < pieces.size(); id++) {
      Piece piece = pieces.get(id);
      if (piece.type() == CONTROL || piece.type() == USER_DEFINED) {
        boolean special = piece.type() == CONTROL;
        added.add(new AddedToken(piece.text(), false, false, false, false, special).json(id));
      }
    }
    json.add("added_tokens", added);
    JsonObject rules = precompiled();
    if (rules != null) {
      json.add("normalizer", rules);
    }
    json.add(TokenizerJson.MODEL, model(type, settings, file));
    return json;
  }

  private JsonObject model(TokenizerClass type, TokenizerSettings settings, Path file) {
    JsonObject model = new JsonObject();
    model.addProperty("type", type.model());
    if ("BPE".equals(type.model())) {
      bpe(model, file);
    } else {
      JsonArray vocabulary = new JsonArray();
      for (Piece piece : unigrams(type, settings)) {
        JsonArray entry = new JsonArray();
        entry.add(piece.text());
        entry.add(piece.score());
        vocabulary.add(entry);
      }
      model.add("vocab", vocabulary);
    }
    return model;
  }

  /** The vocabulary as fairseq's models have it: other special tokens come first. */
  private List<Piece> unigrams(TokenizerClass type, TokenizerSettings settings) {
    Map<String, AddedToken> named = settings.named(type, Map.of());
    return switch (type.name()) {
      case "T5Tokenizer" -> {
        int ids = settings.number("extra_ids", 100);
        yield join(
            List.of(
                pieces.stream(),
                IntStream.rangeClosed(1, ids).mapToObj(i -> zero("<extra_id_" + (ids - i) + ">"))));
      }
      case "XLMRobertaTokenizer" ->
          join(
              List.of(
                  roles(named, Role.BOS, Role.PAD, Role.EOS, Role.UNK),
                  pieces.stream().skip(3),
                  roles(named, Role.MASK)));
      case "MBartTokenizer" ->
          join(
              List.of(
                  roles(named, Role.BOS, Role.PAD, Role.EOS, Role.UNK),
                  pieces.stream().skip(3),
                  type.extras().apply(settings).stream().map(token -> zero(token.content())),
                  roles(named, Role.MASK)));
      case "CamembertTokenizer" ->
          join(
              List.of(
                  Stream.of(zero("<s>NOTUSED")),
                  roles(named, Role.PAD),
                  Stream.of(zero("</s>NOTUSED")),
                  roles(named, Role.UNK),
                  Stream.of(new Piece("<unk>NOTUSED", -100, 1)),
                  pieces.stream().skip(1),
                  roles(named, Role.MASK)));
      case "PegasusTokenizer" -> {
        List<Piece> extras =
            type.extras().apply(settings).stream().map(token -> zero(token.content())).toList();
        yield join(
            List.of(
                roles(named, Role.PAD, Role.EOS),
                extras.stream().limit(1),
                roles(named, Role.MASK),
                extras.stream().skip(1),
                pieces.stream().skip(2)));
      }
      case "AlbertTokenizer", "DebertaV2Tokenizer" -> pieces;
      default ->
          throw new DataException(
              "a "
                  + type.name()
                  + " cannot be built of a SentencePiece model here. Write a tokenizer.json with"
                  + " Python: AutoTokenizer.from_pretrained(folder).save_pretrained(folder)");
    };
  }

  private static Piece zero(String text) {
    return new Piece(text, 0, CONTROL);
  }

  private static Stream<Piece> roles(Map<String, AddedToken> named, Role... roles) {
    return Stream.of(roles)
        .map(role -> named.get(role.key()))
        .filter(token -> token != null)
        .map(token -> zero(token.content()));
  }

  private static List<Piece> join(List<Stream<Piece>> parts) {
    return parts.stream().flatMap(part -> part).toList();
  }

  /** Earlier pieces are merged first. */
  private void bpe(JsonObject model, Path file) {
    Map<String, Integer> ids = new LinkedHashMap<>();
    for (int id = 0; id < pieces.size(); id++) {
      ids.put(pieces.get(id).text(), id);
    }
    JsonObject vocabulary = new JsonObject();
    ids.forEach(vocabulary::addProperty);
    JsonArray list = new JsonArray();
    for (Merges.Merge merge : Merges.of(List.copyOf(ids.keySet()), file.toString())) {
      JsonArray pair = new JsonArray();
      pair.add(merge.left());
      pair.add(merge.right());
      list.add(pair);
    }
    model.add("vocab", vocabulary);
    model.add("merges", list);
  }
}
