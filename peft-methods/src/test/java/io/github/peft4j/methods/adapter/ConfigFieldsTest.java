package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.config.ConfigJson;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.config.Records;
import io.github.peft4j.method.PeftMethod;
import io.github.peft4j.methods.bottleneck.BottleneckConfig;
import io.github.peft4j.methods.bottleneck.fields.Residual;
import io.github.peft4j.methods.lokr.LokrConfig;
import io.github.peft4j.methods.lokr.LokrInitialization;
import io.github.peft4j.methods.miss.MissConfig;
import io.github.peft4j.methods.miss.MissInitialization;
import io.github.peft4j.methods.ptuning.PTuningConfig;
import java.lang.reflect.RecordComponent;
import java.util.HashMap;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

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

  /** Every field of every method, with the values that its kind forbids. */
  static Stream<Arguments> wrongValues() {
    return configs()
        .flatMap(
            config ->
                Records.fields(config).stream()
                    .flatMap(field -> wrong(field).map(json -> Arguments.of(config, field, json))));
  }

  private static Stream<Class<? extends PeftConfig>> configs() {
    return ServiceLoader.load(PeftMethod.class).stream()
        .map(ServiceLoader.Provider::get)
        .map(ConfigFieldsTest::typeOf)
        .filter(type -> type.getName().contains(".methods.")); // those of tests too are on the path
  }

  private static Class<? extends PeftConfig> typeOf(PeftMethod<?> method) {
    return method.configType();
  }

  private static Stream<String> wrong(RecordComponent field) {
    String type = field.getGenericType().getTypeName();
    if (type.equals("int") || type.equals("java.lang.Integer")) {
      return Stream.of("4294967297", "1.5", "NaN", "\"3\"", "[3]", "{}", "true");
    }
    if (type.equals("double") || type.equals("java.lang.Double")) {
      return Stream.of("1e300", "-1e300", "NaN", "Infinity", "\"0.5\"", "[0.5]", "{}");
    }
    if (type.equals("boolean") || type.equals("java.lang.Boolean")) {
      return Stream.of("\"true\"", "1", "[true]", "{}");
    }
    if (type.equals("java.lang.String")) {
      return Stream.of("3", "true", "[\"x\"]", "{}");
    }
    if (type.equals("java.util.List<java.lang.Integer>")) {
      return Stream.of("[\"a\"]", "[1.5]", "[null]", "[[1]]", "{}", "true");
    }
    if (type.equals("java.util.List<java.lang.String>") || type.endsWith(".TargetModules")) {
      return Stream.of("3", "[3]", "[null]", "[\"\"]", "[\"q_proj\", \" \"]", "{}", "true");
    }
    if (type.equals("java.util.Map<java.lang.String, java.lang.String>")) {
      return Stream.of("[]", "3", "\"x\"", "{\"a\": 3}", "{\"a\": null}", "{\"a\": [3]}");
    }
    return type.startsWith("java.util.Map")
        ? Stream.of("[]", "3", "\"x\"", "{\"a\": \"b\"}", "{\"a\": null}", "{\"a\": [3]}")
        : Stream.of("[[]]", "{\"no such field\": true}", "\"no such choice\"");
  }

  @ParameterizedTest(name = "{1} is {2}")
  @MethodSource("wrongValues")
  void aWrongValueIsRefusedWithFileFieldValueAndKind(
      Class<? extends PeftConfig> type, RecordComponent field, String value) {
    String name = ConfigJson.field(field);
    assertThatThrownBy(() -> read(type, name, value))
        .isInstanceOf(IllegalArgumentException.class)
        .satisfies(e -> assertThat(e.getMessage()).startsWith("adapter_config.json: "))
        .hasMessageContaining("field '" + name + "' is ")
        .satisfies(
            e ->
                assertThat(e.getMessage())
                    .as("in words of the file")
                    .doesNotContain("java.", "JSON", "JsonNull", "a int", "must have size"));
  }

  @ParameterizedTest
  @MethodSource("configs")
  void numbersOfAConfigAreThoseOfFloat32(Class<? extends PeftConfig> type) {
    Map<String, Object> values = new HashMap<>();
    Records.values(ConfigJson.withDefaults(type)).forEach(values::put);
    for (RecordComponent component : Records.fields(type)) {
      if (component.getType() == double.class || component.getType() == Double.class) {
        for (double wrong : new double[] {Double.NaN, Double.NEGATIVE_INFINITY, 1e300}) {
          assertThatThrownBy(
                  () ->
                      Records.of(
                          type,
                          name -> name.equals(component.getName()) ? wrong : values.get(name)))
              .as("%s of %s", component.getName(), wrong)
              .isInstanceOf(IllegalArgumentException.class)
              .hasMessageContaining("'" + ConfigJson.field(component) + "'");
        }
      }
    }
  }
}
