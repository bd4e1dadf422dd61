package io.github.peft4j.data.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.github.peft4j.data.DataException;
import io.github.peft4j.io.JsonFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Vocabularies of folders without a tokenizer.json, as the model of a tokenizer.json. */
final class VocabularyFiles {

  private static final String WORDS = "vocab.txt";
  private static final String VOCAB = "vocab.json";
  private static final String MERGES = "merges.txt";

  private VocabularyFiles() {}

  /** Whether a folder has files that {@link #read} reads. */
  static boolean areIn(Path folder) {
    return Files.isRegularFile(folder.resolve(WORDS))
        || (Files.isRegularFile(folder.resolve(VOCAB))
            && Files.isRegularFile(folder.resolve(MERGES)))
        || SentencePieceFile.find(folder) != null
        || MarianFiles.areIn(folder);
  }

  /**
   * Reads the vocabulary of a folder for a class of tokenizers.
   *
   * @return a tokenizer.json that has a model only
   */
  static TokenizerJson read(Path folder, TokenizerClass type, TokenizerSettings settings) {
    if (type.model() == null) {
      throw new DataException(
          folder
              + " has no tokenizer.json, and "
              + type.name()
              + " does not say how to build one of the other files. Write one with Python:"
              + " AutoTokenizer.from_pretrained(folder).save_pretrained(folder)");
    }
    try {
      return TokenizerJson.of(json(folder, type, settings), folder.toString());
    } catch (IOException e) {
      throw new DataException("cannot read the vocabulary in " + folder + ": " + e, e);
    }
  }

  private static JsonObject json(Path folder, TokenizerClass type, TokenizerSettings settings)
      throws IOException {
    JsonObject model = new JsonObject();
    model.addProperty("type", type.model());
    Path sentencePieces = SentencePieceFile.find(folder);
    if ("WordPiece".equals(type.model()) && Files.isRegularFile(folder.resolve(WORDS))) {
      model.add("vocab", words(folder.resolve(WORDS)));
    } else if ("BPE".equals(type.model()) && Files.isRegularFile(folder.resolve(MERGES))) {
      model.add("vocab", JsonFile.read(folder.resolve(VOCAB)));
      model.add("merges", merges(folder.resolve(MERGES)));
    } else if (sentencePieces != null) {
      return SentencePieceFile.read(sentencePieces).json(type, settings, sentencePieces);
    } else {
      throw new DataException(
          folder + " has no tokenizer.json, and no file that " + type.name() + " is built of");
    }
    JsonObject json = new JsonObject();
    json.add(TokenizerJson.MODEL, model);
    return json;
  }

  private static JsonObject words(Path file) throws IOException {
    JsonObject vocabulary = new JsonObject();
    List<String> lines = Files.readAllLines(file);
    for (int id = 0; id < lines.size(); id++) {
      vocabulary.addProperty(lines.get(id).stripTrailing(), id);
    }
    return vocabulary;
  }

  private static JsonArray merges(Path file) throws IOException {
    JsonArray merges = new JsonArray();
    for (String line : Files.readAllLines(file)) {
      if (!line.isEmpty() && !line.startsWith("#version")) {
        JsonArray merge = new JsonArray();
        for (String part : line.split(" ", -1)) {
          merge.add(part);
        }
        if (merge.size() != 2) {
          throw new DataException(
              file + ": expected two tokens in each line, but there is '" + line + "'");
        }
        merges.add(merge);
      }
    }
    return merges;
  }
}
