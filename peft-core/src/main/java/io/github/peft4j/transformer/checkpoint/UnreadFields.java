package io.github.peft4j.transformer.checkpoint;

import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.Family;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** The fields of a config that might ask for something that is not computed. */
final class UnreadFields {

  /** Fields that any config may have and that change nothing in what a model computes. */
  private static final Set<String> IGNORED =
      Set.of(
          // where it comes from and how it is stored
          "_name_or_path",
          "_num_labels",
          "architectures",
          "dtype",
          "model_type",
          "torch_dtype",
          "transformers_version",
          "transformers.js_config",
          "unsloth_fixed",
          "unsloth_version",
          // tokens and labels, read when they are needed
          "bos_token_id",
          "cls_token_id",
          "decoder_start_token_id",
          "eos_token_id",
          "forced_bos_token_id",
          "forced_eos_token_id",
          "id2label",
          "label2id",
          "mask_token_id",
          "num_labels",
          "pad_token_id",
          "sep_token_id",
          "tokenizer_class",
          "tie_word_embeddings",
          // training from the start
          "initializer_factor",
          "initializer_range",
          "init_std",
          "problem_type",
          // how transformers runs
          "_attn_implementation_autoset",
          "attn_implementation",
          "chunk_size_feed_forward",
          "directionality",
          "finetuning_task",
          "gradient_checkpointing",
          "cache_implementation",
          "is_encoder_decoder",
          "keys_to_ignore_at_inference",
          "output_past",
          "return_dict",
          "task_specific_params",
          "torchscript",
          "use_cache",
          // settings of generation, of which generation_config.json has the present ones
          "bad_words_ids",
          "diversity_penalty",
          "early_stopping",
          "encoder_no_repeat_ngram_size",
          "length_penalty",
          "max_length",
          "min_length",
          "no_repeat_ngram_size",
          "normalize_before",
          "num_beam_groups",
          "num_beams",
          "num_return_sequences",
          "prefix",
          "repetition_penalty",
          "temperature",
          "top_k",
          "top_p",
          "typical_p");

  private UnreadFields() {}

  /** The fields that neither the family nor this list knows, with their values. */
  static Map<String, String> of(ModelConfig config, Family family) {
    Map<String, String> unread = new TreeMap<>(config.unread());
    unread.keySet().removeAll(IGNORED);
    unread.keySet().removeAll(family.ignored());
    return unread;
  }
}
