package io.github.peft4j.io;

import java.util.regex.Pattern;

/** Names of the files that lie beside a model's weights, with slashes between their parts. */
public final class CompanionNames {

  private static final Pattern OF_A_TOKENIZER =
      Pattern.compile(
          "tokenizer.*\\.(json|model|jinja)|special_tokens_map\\.json|added_tokens\\.json"
              + "|vocab.*\\.(txt|json|tsv|bpe)|vocab\\.model|merges\\.txt|bpe\\.codes|dict\\.txt"
              + "|(spiece|spm|sentencepiece.*)\\.model|.*\\.(spm|tiktoken)|tekken\\.json"
              + "|normalizer\\.json|emoji\\.json|entity_vocab\\.json"
              + "|chat_template\\.(jinja|json)|additional_chat_templates/.*");

  private static final Pattern OF_EMBEDDINGS =
      Pattern.compile(
          "modules\\.json|config_sentence_transformers\\.json|sentence_.*_config\\.json"
              + "|\\d+_[A-Za-z]+/.*");

  private static final Pattern OF_A_MODEL =
      Pattern.compile(
          "generation_config\\.json|.*processor_config\\.json"
              + "|(?i:licen[cs]e.*|notice.*|use_policy.*)");

  private CompanionNames() {}

  /** Whether a file is a tokenizer's, or a chat template. */
  public static boolean isOfTokenizer(String name) {
    return OF_A_TOKENIZER.matcher(name).matches();
  }

  /** Whether a file is one of sentence-transformers: its modules and their settings. */
  public static boolean isOfEmbeddings(String name) {
    return OF_EMBEDDINGS.matcher(name).matches();
  }

  /** Whether a file is generation_config.json, a processor's, or a licence. */
  public static boolean isOfModel(String name) {
    return OF_A_MODEL.matcher(name).matches();
  }

  /** Whether a file is any of these. */
  public static boolean isBesideWeights(String name) {
    return isOfTokenizer(name) || isOfModel(name) || isOfEmbeddings(name);
  }
}
