package io.github.peft4j.data.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.data.tokenizer.SentencePieceFile.Piece;
import io.github.peft4j.io.JsonFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/** The files of a {@link MarianCodec}. */
final class MarianFiles {

  static final String SOURCE = "source.spm";
  static final String TARGET = "target.spm";
  static final String VOCAB = "vocab.json";
  static final String TARGET_VOCAB = "target_vocab.json";

  /** Files that make a folder one of Marian's. */
  private static final List<String> FILES = List.of(SOURCE, TARGET, VOCAB);

  private MarianFiles() {}

  /** Whether a folder has the files of such a tokenizer. */
  static boolean areIn(Path folder) {
    return FILES.stream().map(folder::resolve).allMatch(Files::isRegularFile);
  }

  /** The files to copy with a model. */
  static List<Path> in(Path folder) {
    List<Path> files = new ArrayList<>();
    for (String name : List.of(SOURCE, TARGET, VOCAB, TARGET_VOCAB)) {
      if (Files.isRegularFile(folder.resolve(name))) {
        files.add(folder.resolve(name));
      }
    }
    return files;
  }

  /** The vocabulary of the texts to read, as the model of a tokenizer.json. */
  static TokenizerJson vocabulary(Path folder) {
    JsonObject model = Components.component("WordLevel", "unk_token", "<unk>");
    model.add("vocab", JsonFile.read(folder.resolve(VOCAB)));
    JsonObject json = new JsonObject();
    json.add(TokenizerJson.MODEL, model);
    return TokenizerJson.of(json, folder.resolve(VOCAB).toString());
  }

  static Map<String, Long> ids(Path file) {
    Map<String, Long> ids = new HashMap<>();
    JsonFile.read(file).asMap().forEach((token, id) -> ids.put(token, id.getAsLong()));
    return ids;
  }

  static SentencePieceFile model(Path file) {
    SentencePieceFile model = SentencePieceFile.read(file);
    model.requirePlainUnigrams(file);
    return model;
  }

  /** SentencePiece as a tokenizer.json: it cuts the text as a whole, not word by word. */
  static BackendCodec cutter(SentencePieceFile model, Path file) {
    JsonArray vocabulary = new JsonArray();
    vocabulary.add(entry("\uFFFF", 0)); // stands for what is unknown, and is in no text
    for (Piece piece : model.pieces()) {
      if (piece.type() == SentencePieceFile.NORMAL) {
        vocabulary.add(entry(piece.text(), piece.score()));
      }
    }
    JsonObject unigrams = Components.unigram(0);
    unigrams.add("vocab", vocabulary);
    List<JsonElement> steps = new ArrayList<>();
    if (model.precompiled() != null) {
      steps.add(model.precompiled());
    }
    steps.add(Components.replaceAll(" {2,}", " "));
    steps.add(Components.replaceAll("\\A +", ""));
    steps.add(Components.component("Prepend", "prepend", "▁"));
    steps.add(Components.replace(" ", "▁"));
    steps.add(Components.replaceAll("▁+\\z", ""));
    JsonObject json = new JsonObject();
    json.add("normalizer", Components.normalizers(steps));
    json.add(TokenizerJson.MODEL, unigrams);
    return new BackendCodec(
        TokenizerJson.of(json, file.toString()), file.toString(), OptionalLong.empty());
  }

  private static JsonArray entry(String text, float score) {
    JsonArray entry = new JsonArray();
    entry.add(text);
    entry.add(score);
    return entry;
  }
}
