package io.github.peft4j.kernel.setting;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Map;
import org.junit.jupiter.api.Test;

class SwitchesTest {

  @Test
  void whatExistsIsTaken() {
    assertThatCode(
            () -> Switches.check(Map.of("peft4j.cudaGraphs", "always", "user.dir", "no")::get))
        .doesNotThrowAnyException();
    assertThatCode(() -> Switches.check(name -> null)).doesNotThrowAnyException();
  }

  @Test
  void refusesWhatMeansNothing() {
    refuses("peft4j.derivatives", "no", "true, false, checked");
    refuses("peft4j.cudaGraphs", "off", "true, false, always");
    refuses("peft4j.cudaText", "FALSE", "true, false");
    refuses("peft4j.sideStream", "0", "true, false");
    refuses("peft4j.expandableSegments", "no", "true, false");
  }

  private static void refuses(String name, String value, String expected) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Switches.check(Map.of(name, value)::get))
        .withMessage(name + " is '" + value + "', expected one of " + expected);
  }
}
