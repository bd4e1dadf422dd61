package io.github.peft4j.io;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class HalfPrecisionTest {
  @Test
  void everyHalfMeansWhatTheStandardSays() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      int exponent = bits >> 10 & 31;
      double fraction = (bits & 1023) / 1024.0;
      double expected =
          exponent == 31
              ? (fraction == 0 ? Double.POSITIVE_INFINITY : Double.NaN)
              : exponent == 0 ? Math.scalb(fraction, -14) : Math.scalb(1 + fraction, exponent - 15);
      assertThat(HalfPrecision.float16ToFloat((short) bits))
          .isEqualTo(Float.valueOf((float) (bits >> 15 == 0 ? expected : -expected)));
    }
  }

  /** Checks a rounding at all floats beside its results, and halfway between them. */
  private interface Rounding {
    short of(float x);
  }

  private interface Widening {
    float of(short bits);
  }

  private static void roundsToTheNearest(Widening widen, Rounding round, int largest) {
    for (int bits = 0; bits < largest; bits++) {
      float low = widen.of((short) bits);
      float high = widen.of((short) (bits + 1));
      float middle = (float) (((double) low + high) / 2);
      int even = bits + (bits & 1);
      for (int sign = 0; sign < 2; sign++) {
        float s = sign == 0 ? 1 : -1;
        int upper = sign << 15;
        assertThat(round.of(s * low)).isEqualTo((short) (upper | bits));
        assertThat(round.of(s * middle)).isEqualTo((short) (upper | even));
        if (middle > Math.nextUp(low)) {
          assertThat(round.of(s * Math.nextDown(middle))).isEqualTo((short) (upper | bits));
          assertThat(round.of(s * Math.nextUp(middle))).isEqualTo((short) (upper | (bits + 1)));
        }
      }
    }
  }

  @Test
  void roundsToTheNearestHalf() {
    roundsToTheNearest(
        HalfPrecision::float16ToFloat, HalfPrecision::floatToFloat16, 0x7bff); // 65504 is the last
    assertThat(HalfPrecision.floatToFloat16(Math.nextDown(65520f))).isEqualTo((short) 0x7bff);
    assertThat(HalfPrecision.floatToFloat16(65520f)).isEqualTo((short) 0x7c00);
    assertThat(HalfPrecision.floatToFloat16(-1e30f)).isEqualTo((short) 0xfc00);
    assertThat(HalfPrecision.floatToFloat16(Float.NaN)).isEqualTo((short) 0x7e00);
    assertThat(HalfPrecision.floatToFloat16(Float.intBitsToFloat(0x7f800001)))
        .isEqualTo((short) 0x7e00);
  }

  @Test
  void roundsToTheNearestBfloat16() {
    roundsToTheNearest(
        HalfPrecision::bfloat16ToFloat, HalfPrecision::floatToBfloat16, 0x7f7f); // the last finite
    assertThat(HalfPrecision.floatToBfloat16(Float.MAX_VALUE)).isEqualTo((short) 0x7f80);
    assertThat(HalfPrecision.floatToBfloat16(Float.NEGATIVE_INFINITY)).isEqualTo((short) 0xff80);
    assertThat(HalfPrecision.floatToBfloat16(Float.NaN)).isEqualTo((short) 0x7fc0);
    assertThat(HalfPrecision.floatToBfloat16(Float.intBitsToFloat(0x7f800001)))
        .isEqualTo((short) 0x7fc0);
  }
}
