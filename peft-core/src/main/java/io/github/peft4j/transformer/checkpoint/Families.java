package io.github.peft4j.transformer.checkpoint;

import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.decoder.Bloom;
import io.github.peft4j.transformer.family.decoder.Falcon;
import io.github.peft4j.transformer.family.decoder.Gemma;
import io.github.peft4j.transformer.family.decoder.Gemma2;
import io.github.peft4j.transformer.family.decoder.Gemma3;
import io.github.peft4j.transformer.family.decoder.Gpt2;
import io.github.peft4j.transformer.family.decoder.GptNeoX;
import io.github.peft4j.transformer.family.decoder.Granite;
import io.github.peft4j.transformer.family.decoder.Llama;
import io.github.peft4j.transformer.family.decoder.Mistral;
import io.github.peft4j.transformer.family.decoder.Mixtral;
import io.github.peft4j.transformer.family.decoder.Olmo2;
import io.github.peft4j.transformer.family.decoder.Opt;
import io.github.peft4j.transformer.family.decoder.Phi;
import io.github.peft4j.transformer.family.decoder.Phi3;
import io.github.peft4j.transformer.family.decoder.Qwen2;
import io.github.peft4j.transformer.family.decoder.Qwen3;
import io.github.peft4j.transformer.family.decoder.Qwen3Moe;
import io.github.peft4j.transformer.family.decoder.SmolLm3;
import io.github.peft4j.transformer.family.decoder.Starcoder2;
import io.github.peft4j.transformer.family.encoder.Albert;
import io.github.peft4j.transformer.family.encoder.Bert;
import io.github.peft4j.transformer.family.encoder.DebertaV2;
import io.github.peft4j.transformer.family.encoder.DistilBert;
import io.github.peft4j.transformer.family.encoder.Electra;
import io.github.peft4j.transformer.family.encoder.ModernBert;
import io.github.peft4j.transformer.family.encoder.MpNet;
import io.github.peft4j.transformer.family.encoder.Roberta;
import io.github.peft4j.transformer.family.encoderdecoder.Bart;
import io.github.peft4j.transformer.family.encoderdecoder.MBart;
import io.github.peft4j.transformer.family.encoderdecoder.MT5;
import io.github.peft4j.transformer.family.encoderdecoder.Marian;
import io.github.peft4j.transformer.family.encoderdecoder.Pegasus;
import io.github.peft4j.transformer.family.encoderdecoder.T5;
import io.github.peft4j.tuner.injection.NearNames;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** The supported model families, by {@code model_type}. */
final class Families {

  private static final List<Family> ALL =
      List.of(
          // decoders
          Llama.FAMILY,
          Gpt2.FAMILY,
          Gemma.FAMILY,
          Gemma2.FAMILY,
          Gemma3.FAMILY,
          Gemma3.MULTIMODAL,
          Granite.FAMILY,
          Mistral.FAMILY,
          Mixtral.FAMILY,
          Olmo2.FAMILY,
          Phi3.FAMILY,
          Qwen2.FAMILY,
          Qwen3.FAMILY,
          Qwen3Moe.FAMILY,
          SmolLm3.FAMILY,
          Starcoder2.FAMILY,
          GptNeoX.FAMILY,
          Opt.FAMILY,
          Bloom.FAMILY,
          Falcon.FAMILY,
          Phi.FAMILY,
          // encoders
          Bert.FAMILY,
          Roberta.FAMILY,
          Roberta.FAMILY.named("xlm-roberta", "XLMRoberta"),
          Roberta.FAMILY.named("camembert", "Camembert"),
          DistilBert.FAMILY,
          Electra.FAMILY,
          Albert.FAMILY,
          MpNet.FAMILY,
          DebertaV2.FAMILY,
          ModernBert.FAMILY,
          // encoder-decoders
          T5.FAMILY,
          MT5.FAMILY,
          Bart.FAMILY,
          MBart.FAMILY,
          Marian.FAMILY,
          Pegasus.FAMILY);

  private static final Map<String, Family> BY_TYPE = new TreeMap<>();

  static {
    for (Family family : ALL) {
      BY_TYPE.put(family.modelType(), family);
    }
  }

  private Families() {}

  /** The {@code model_type} of each family, in alphabetical order. */
  static Set<String> modelTypes() {
    return Collections.unmodifiableSet(BY_TYPE.keySet());
  }

  /**
   * The family of a config, by its {@code model_type}.
   *
   * @throws IllegalArgumentException if the field is missing
   * @throws UnsupportedModelException if the type is not supported; the message lists those that
   *     are
   */
  static Family of(ModelConfig config) {
    if (!config.has("model_type")) {
      throw new IllegalArgumentException(
          config.source()
              + ": field 'model_type' is missing; it names the model's family, one of "
              + BY_TYPE.keySet());
    }
    String type = config.text("model_type", "");
    Family family = BY_TYPE.get(type);
    if (family == null) {
      throw new UnsupportedModelException(
          config.error(
              "model_type",
              "'" + type + "'",
              "one of "
                  + BY_TYPE.keySet()
                  + NearNames.similar(type, BY_TYPE.keySet())
                      .map(near -> "; nearest is '" + near + "'")
                      .orElse("")
                  + (config.has("auto_map")
                      ? "; the model has code of its own (auto_map), which is not run"
                      : "")));
    }
    return family;
  }
}
