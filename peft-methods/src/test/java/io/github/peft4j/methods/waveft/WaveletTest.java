package io.github.peft4j.methods.waveft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class WaveletTest {

  /** PEFT's coif4 is off by 2 %. */
  @Test
  void theQuartersFiltersHaveLengthOneAndAreOrthogonal() {
    for (String name : Wavelet.names()) {
      Wavelet wavelet = Wavelet.of(name);
      int size = wavelet.length() * wavelet.length();
      float[] filters = wavelet.quarters();
      Offset<Double> offset = Offset.offset(name.equals("coif4") ? 0.06 : 1e-5);
      for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 4; j++) {
          double product = 0;
          for (int k = 0; k < size; k++) {
            product += (double) filters[i * size + k] * filters[j * size + k];
          }
          assertThat(product).as("%s, %d and %d", name, i, j).isCloseTo(i == j ? 1 : 0, offset);
        }
      }
    }
  }

  @Test
  void familiesThatPeftCannotRebuildWithAreRefused() {
    WaveFtConfig config = WaveFtConfig.defaults();
    assertThatThrownBy(() -> config.waveletFamily("coif5"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("wavelet_family");
    assertThat(config.useIdwt(false).waveletFamily("coif5").useIdwt()).isFalse();
  }
}
