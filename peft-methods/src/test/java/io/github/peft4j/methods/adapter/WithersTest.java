package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.Records;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.method.PeftMethod;
import io.github.peft4j.methods.boft.BoftConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.EvaConfig;
import io.github.peft4j.methods.oft.OftConfig;
import io.github.peft4j.methods.rocoft.RocoftConfig;
import io.github.peft4j.methods.vera.VeraConfig;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.RecordComponent;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every field of every config has a wither of its name, which changes that field and no other. */
class WithersTest {

  /** Setting one of these sets the other to 0: a config has one of them alone. */
  private static final Set<String> EXCLUSIVE =
      Set.of("OftConfig.r", "OftConfig.oftBlockSize", "BoftConfig.boftBlockNum");

  static Stream<Object> configs() {
    Stream.Builder<Object> configs = Stream.builder();
    for (PeftMethod<?> method : ServiceLoader.load(PeftMethod.class)) {
      if (method.configType() != RocoftConfig.class) { // the tutorial writes out the one it needs
        configs.add(Configs.withDefaults(method.configType()));
      }
    }
    return configs.add(EvaConfig.defaults()).build();
  }

  @ParameterizedTest
  @MethodSource("configs")
  void aWitherChangesItsFieldAlone(Object config) throws ReflectiveOperationException {
    Map<String, @Nullable Object> values = Records.values(config);
    int changed = 0;
    for (RecordComponent component : Records.fields(config.getClass())) {
      String field = component.getName();
      Object value = values.get(field);
      Object other = other(component.getType(), value);
      Object copy;
      try {
        copy = with(config, component, other);
      } catch (IllegalArgumentException e) {
        assertThat(e).hasMessageContaining("expected"); // a value that other fields rule out
        copy = with(config, component, value);
        other = value;
      }
      Map<String, @Nullable Object> expected = new HashMap<>(values);
      expected.put(field, other);
      if (!EXCLUSIVE.contains(config.getClass().getSimpleName() + "." + field)) {
        assertThat(Records.values(copy)).as(field).isEqualTo(expected);
      }
      changed += other == value ? 0 : 1;
    }
    assertThat(changed).isPositive();
  }

  private static Object with(Object config, RecordComponent component, @Nullable Object value)
      throws ReflectiveOperationException {
    Method wither = config.getClass().getMethod(component.getName(), component.getType());
    assertThat(wither.getReturnType()).isEqualTo(config.getClass());
    wither.setAccessible(true);
    try {
      return wither.invoke(config, value);
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof IllegalArgumentException wrong) {
        throw wrong;
      }
      throw e;
    }
  }

  /** A value of a type that is not this one; this one where none is at hand. */
  private static @Nullable Object other(Class<?> type, @Nullable Object value) {
    if (type == boolean.class) {
      return !Boolean.TRUE.equals(value);
    }
    if (type == int.class || type == Integer.class) {
      return value == null ? 3 : (Integer) value + 1;
    }
    if (type == double.class || type == Double.class) {
      return value == null ? 0.25 : (Double) value / 2 + 0.125;
    }
    if (type == List.class) {
      return List.of();
    }
    if (type == TargetModules.class) {
      return TargetModules.of("q_proj");
    }
    if (type.isEnum()) {
      return Stream.of(type.getEnumConstants()).filter(c -> c != value).findFirst().orElse(null);
    }
    return value;
  }

  @Test
  void namesAreAListOrAllLinear() {
    LoraConfig config = LoraConfig.ofRank(2);
    assertThat(config.targetModules("q", "v").targetModules())
        .isEqualTo(TargetModules.of(List.of("q", "v")));
    assertThat(config.targetModules("all-linear").targetModules())
        .isEqualTo(TargetModules.matching(TargetModules.ALL_LINEAR));
    assertThatThrownBy(() -> config.targetModules("q", "all-linear"))
        .hasMessageContaining("[q, all-linear]; expected \"all-linear\" alone");
    assertThat(VeraConfig.ofRank(2).layersToTransform(1, 3).layersToTransform())
        .containsExactly(1, 3);
  }

  @Test
  void blocksHaveANumberOrASize() {
    assertThat(OftConfig.ofBlocks(8).oftBlockSize()).isZero();
    assertThat(OftConfig.ofBlocks(8).oftBlockSize(4)).isEqualTo(OftConfig.ofBlockSize(4));
    assertThat(BoftConfig.ofBlocks(8).boftBlockSize()).isZero();
    assertThat(BoftConfig.ofBlocks(8).boftBlockSize(2)).isEqualTo(BoftConfig.ofBlockSize(2));
  }

  @Test
  void aPatternIsCopiedInItsOrder() {
    Map<String, Integer> ranks = new LinkedHashMap<>();
    ranks.put("z", 1);
    ranks.put("a", 2);
    LoraConfig config = LoraConfig.ofRank(8).rankPattern(ranks);
    ranks.clear();
    assertThat(config.rankPattern().keySet()).containsExactly("z", "a");
  }

  @ParameterizedTest
  @MethodSource("notFinite")
  void aNumberIsFinite(Runnable wither) {
    assertThatThrownBy(wither::run).hasMessageContaining("expected a finite number");
  }

  static Stream<Runnable> notFinite() {
    return Stream.of(
        () -> LoraConfig.ofRank(2).loraAlpha(Double.NaN),
        () -> LoraConfig.ofRank(2).loraDropout(Double.NaN),
        () -> LoraConfig.ofRank(2).alphaPattern(Map.of("q", Double.POSITIVE_INFINITY)),
        () -> OftConfig.ofBlockSize(2).eps(Double.POSITIVE_INFINITY),
        () -> VeraConfig.ofRank(2).dInitial(Double.NEGATIVE_INFINITY));
  }
}
