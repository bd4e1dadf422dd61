package io.github.peft4j.data;

/** Small tokenizers to test with. */
public final class Tokenizers {

  private Tokenizers() {}

  /** BERT's kind, over a few words, with truncation and padding hard-coded as MiniLM's has them. */
  public static String bert() {
    return """
    {
      "version": "1.0",
      "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst",
                     "stride": 0},
      "padding": {"strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": null,
                  "pad_id": 7, "pad_type_id": 0, "pad_token": "[FILL]"},
      "added_tokens": [%s, %s, %s],
      "normalizer": null,
      "pre_tokenizer": {"type": "Whitespace"},
      "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
      "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
      "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100,
                "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "b": 4, "c": 5, "d": 6,
                          "[FILL]": 7, "e": 8}}
    }
    """
        .formatted(added(0, "[UNK]"), added(1, "[CLS]"), added(2, "[SEP]"));
  }

  /** A language model's kind: begins with a token, and pads with none. */
  public static String causal() {
    return """
    {
      "version": "1.0",
      "added_tokens": [%s, %s],
      "pre_tokenizer": {"type": "Whitespace"},
      "post_processor": {"type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                   {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                 {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
      "model": {"type": "WordLevel", "unk_token": "?",
                "vocab": {"?": 0, "<s>": 1, "</s>": 2, "a": 3, "b": 4, "c": 5, "d": 6, "e": 7}}
    }
    """
        .formatted(added(1, "<s>"), added(2, "</s>"));
  }

  private static String added(int id, String content) {
    return """
    {"id": %d, "content": "%s", "single_word": false, "lstrip": false, "rstrip": false,
     "normalized": false, "special": true}\
    """
        .formatted(id, content);
  }
}
