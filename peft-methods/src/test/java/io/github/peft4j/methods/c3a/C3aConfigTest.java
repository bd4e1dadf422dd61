package io.github.peft4j.methods.c3a;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.config.TargetModules;
import java.util.Map;
import org.junit.jupiter.api.Test;

class C3aConfigTest {

  @Test
  void modulesCannotBeLeftOut() {
    C3aConfig config = C3aConfig.ofBlockSize(4).targetModules("query");
    assertThat(config.targets(config.targets().modulesToSave("pooler")).layers().modulesToSave())
        .containsExactly("pooler");
    assertThatThrownBy(
            () -> config.targets(config.targets().excludeModules(TargetModules.of("value"))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("C3aConfig: field 'exclude_modules'");
  }

  /** PEFT's pattern is {@code .*\.KEY$} and matches from the name's beginning. */
  @Test
  void patternsMatchAfterADot() {
    C3aConfig config = C3aConfig.ofBlockSize(8).blockSizePattern(Map.of("query|key", 2));
    assertThat(config.blockSizeOf("layer.0.query")).isEqualTo(2);
    assertThat(config.blockSizeOf("layer.0.query.dense")).isEqualTo(2);
    assertThat(config.blockSizeOf("layer.0.key")).isEqualTo(8);
    assertThat(config.blockSizeOf("key")).isEqualTo(2);
  }

  @Test
  void wrongSizesAreRefused() {
    assertThatThrownBy(() -> C3aConfig.ofBlockSize(0)).hasMessageContaining("block_size");
    C3aConfig config = C3aConfig.ofBlockSize(8);
    assertThatThrownBy(() -> config.blockSizePattern(Map.of("key", -1)))
        .hasMessageContaining("block_size_pattern.key");
  }
}
