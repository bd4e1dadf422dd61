package io.github.peft4j.generate;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.transformer.config.ModelConfig;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.WeakHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The settings in a model's generation_config.json or, without that file, in its config.json. */
final class ModelSettings {

  private static final Logger LOG = LoggerFactory.getLogger(ModelSettings.class);

  private static final Set<ModelConfig> WARNED =
      Collections.synchronizedSet(Collections.newSetFromMap(new WeakHashMap<>()));

  /** Fields that change texts, which peft4j does not support. */
  private static final Set<String> UNSUPPORTED =
      Set.of(
          "constraints",
          "diversity_penalty",
          "dola_layers",
          "epsilon_cutoff",
          "eta_cutoff",
          "exponential_decay_length_penalty",
          "force_bos_token_to_be_generated",
          "force_words_ids",
          "guidance_scale",
          "max_time",
          "num_beam_groups",
          "penalty_alpha",
          "prompt_lookup_num_tokens",
          "remove_invalid_values",
          "sequence_bias",
          "token_healing",
          "top_h",
          "watermarking_config");

  /** Fields that change nothing at 1; the others change nothing at 0, false or empty. */
  private static final Set<String> NEUTRAL_AT_ONE = Set.of("guidance_scale", "num_beam_groups");

  /** Fields that do not change texts, and ids that are read elsewhere. */
  private static final Set<String> IGNORED =
      Set.of(
          "_commit_hash",
          "_from_model_config",
          "assistant_confidence_threshold",
          "assistant_early_exit",
          "assistant_ensemble_weight",
          "assistant_lookbehind",
          "bos_token_id",
          "cache_config",
          "cache_implementation",
          "compile_config",
          "continuous_batching_config",
          "decoder_start_token_id",
          "disable_compile",
          "eos_token_id",
          "is_assistant",
          "low_memory",
          "max_cache_len",
          "max_matching_ngram_size",
          "num_assistant_tokens",
          "num_assistant_tokens_schedule",
          "output_attentions",
          "output_hidden_states",
          "output_logits",
          "output_scores",
          "pad_token_id",
          "prefill_chunk_size",
          "return_dict_in_generate",
          "speculation_type",
          "target_lookbehind",
          "transformers_version",
          "trust_remote_code",
          "use_cache",
          "use_mtp");

  private ModelSettings() {}

  /**
   * The settings that a model's files have.
   *
   * @throws IllegalArgumentException naming the file and the field, if a value is not allowed
   */
  static GenerationConfig of(ModelConfig model) {
    ModelConfig file = model.generation();
    Map<Setting<?>, Object> values = new HashMap<>();
    for (Setting<?> setting : Setting.OF_FILES) {
      if (file.has(setting.field())) {
        values.put(setting, setting.read(file));
      }
    }
    return new GenerationConfig(values);
  }

  /** Warns, once for each model, of fields that would change texts and are not supported. */
  static void warn(ModelConfig model) {
    if (!WARNED.add(model)) {
      return;
    }
    List<String> fields = unsupported(model);
    if (!fields.isEmpty()) {
      LOG.warn(
          "{} has {}, which peft4j does not support: texts are written without",
          model.generation().source(),
          String.join(" and ", fields));
    }
  }

  /** The fields, with their values, that would change texts and are not supported. */
  static List<String> unsupported(ModelConfig model) {
    ModelConfig file = model.generation();
    boolean own = file != model; // config.json has many fields that are not about generation
    Set<String> read = new HashSet<>(IGNORED);
    Setting.OF_FILES.forEach(setting -> read.add(setting.field()));
    JsonObject json = file.json();
    List<String> fields = new ArrayList<>();
    for (String field : json.keySet()) {
      JsonElement value = json.get(field);
      if ((UNSUPPORTED.contains(field) || (own && !read.contains(field)))
          && !isNeutral(field, value)) {
        fields.add(field + " = " + value);
      }
    }
    return fields;
  }

  private static boolean isNeutral(String field, JsonElement value) {
    if (value.isJsonPrimitive() && value.getAsJsonPrimitive().isNumber()) {
      double number = value.getAsDouble();
      return number == 0 || (number == 1 && NEUTRAL_AT_ONE.contains(field));
    }
    return Set.of("null", "false", "[]", "{}").contains(value.toString());
  }
}
