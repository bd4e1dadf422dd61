package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.config.ConfigJson;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.methods.bottleneck.BottleneckConfig;
import io.github.peft4j.methods.bottleneck.fields.Residual;
import io.github.peft4j.methods.lokr.LokrConfig;
import io.github.peft4j.methods.lokr.LokrInitialization;
import io.github.peft4j.methods.miss.MissConfig;
import io.github.peft4j.methods.miss.MissInitialization;
import io.github.peft4j.methods.ptuning.PTuningConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Fields that are one of a few values: what is written is read again, all else is refused. */
class ConfigFieldsTest {

  private static <C extends PeftConfig> C read(Class<C> type, String field, String value) {
    JsonObject json = new JsonObject();
    json.add(field, JsonParser.parseString(value));
    return ConfigJson.read(type, json, "adapter_config.json");
  }

  private static String written(PeftConfig config, String field) {
    return String.valueOf(ConfigJson.fields(config).get(field));
  }

  @ParameterizedTest
  @EnumSource
  void lokrsStartComesBack(LokrInitialization start) {
    String text = written(LokrConfig.ofRank(2).initWeights(start), "init_weights");
    assertThat(read(LokrConfig.class, "init_weights", text).initWeights()).isSameAs(start);
  }

  @Test
  void fieldsOfAPartStandAmongTheOthers() {
    LokrConfig config =
        read(LokrConfig.class, "layers_to_transform", "[1, 3]").excludeModules("lm_head");
    assertThat(config.targets().layersToTransform()).containsExactly(1, 3);
    assertThat(ConfigJson.fields(config)).doesNotContainKey("targets");
    assertThat(written(config, "layers_to_transform")).isEqualTo("[1,3]");
    assertThat(written(config, "exclude_modules")).isEqualTo("[\"lm_head\"]");
    assertThat(config.layersToTransform()).isEqualTo(config.targets().layersToTransform());
    assertThat(config.layersToTransform(2).targets().layersToTransform()).containsExactly(2);
  }

  @ParameterizedTest
  @EnumSource
  void missesStartComesBack(MissInitialization start) {
    MissConfig config = read(MissConfig.class, "init_weights", "\"bat\"");
    String text = written(config.initWeights(start), "init_weights");
    assertThat(read(MissConfig.class, "init_weights", text).initWeights()).isSameAs(start);
  }

  @ParameterizedTest
  @CsvSource({"true, BRANCH", "false, NORMALISED", "\"post_add\", SUM"})
  void aResidualIsReadAsAdapterHubWritesIt(String json, Residual residual) {
    BottleneckConfig config = read(BottleneckConfig.class, "residual_before_ln", json);
    assertThat(config.norms().residualBeforeLn()).isSameAs(residual);
    assertThat(written(config, "residual_before_ln")).isEqualTo(json);
  }

  @ParameterizedTest
  @CsvSource({"\"LSTM\", LSTM", "\"lstm\", LSTM", "\"MLP\", MLP"})
  void aNameIsReadInEitherCase(String json, PTuningConfig.Encoder encoder) {
    PTuningConfig config = read(PTuningConfig.class, "encoder_reparameterization_type", json);
    assertThat(config.encoderReparameterizationType()).isSameAs(encoder);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"true\" | [true, \"lycoris\", false]",
        "\"LYCORIS\" | [true, \"lycoris\", false]",
        "1 | [true, \"lycoris\", false]",
        "[] | [true, \"lycoris\", false]"
      })
  void whatIsNoneOfThemIsRefusedWithAllThatItMayBe(String json, String expected) {
    assertThatThrownBy(() -> read(LokrConfig.class, "init_weights", json))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "adapter_config.json: field 'init_weights' is %s; expected one of %s", json, expected);
  }

  @ParameterizedTest
  @CsvSource({"\"GRU\"", "3", "[]", "{}"})
  void aWrongNameIsRefusedWithThoseThereAre(String json) {
    assertThatThrownBy(() -> read(PTuningConfig.class, "encoder_reparameterization_type", json))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(
            "field 'encoder_reparameterization_type' is %s; expected one of [\"MLP\", \"LSTM\"]",
            json);
  }
}
