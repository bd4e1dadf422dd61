package io.github.peft4j.io;

/** Floats of 16 bits, as bits, and floats. */
public final class HalfPrecision {

  /** The exponent's bits of a float: those of infinity. */
  private static final int INFINITY = 0x7f800000;

  /** The least float that rounds to an infinite float16: 65520. */
  private static final int OVERFLOW = 0x477ff000;

  /** The least normal float16, 2⁻¹⁴. */
  private static final int NORMAL = 0x38800000;

  private HalfPrecision() {}

  /** Widens a bfloat16, the upper half of a float. */
  public static float bfloat16ToFloat(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /** Widens an IEEE 754 half. Java has a method for it only from version 20. */
  public static float float16ToFloat(short half) {
    int exponent = (half >> 10) & 0x1f;
    int mantissa = half & 0x3ff;
    float magnitude =
        switch (exponent) {
          case 0 -> mantissa * 0x1p-24f;
          case 31 -> Float.intBitsToFloat(INFINITY | (mantissa << 13));
          default -> Float.intBitsToFloat(((exponent + 112) << 23) | (mantissa << 13));
        };
    return half < 0 ? -magnitude : magnitude;
  }

  /**
   * Rounds to the nearest bfloat16, ties to even. What is not a number stays so, and becomes quiet.
   */
  public static short floatToBfloat16(float x) {
    int bits = Float.floatToRawIntBits(x);
    if ((bits & Integer.MAX_VALUE) > INFINITY) {
      return (short) ((bits >>> 16) | 0x40);
    }
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }

  /**
   * Rounds to the nearest IEEE 754 half, ties to even; from 65520 on, that is infinity. What is not
   * a number stays so, and becomes quiet.
   */
  public static short floatToFloat16(float x) {
    int bits = Float.floatToRawIntBits(x);
    int sign = (bits >>> 16) & 0x8000;
    int magnitude = bits & Integer.MAX_VALUE;
    int half;
    if (magnitude > INFINITY) {
      half = 0x7e00 | ((magnitude >>> 13) & 0x3ff);
    } else if (magnitude >= OVERFLOW) {
      half = 0x7c00;
    } else if (magnitude < NORMAL) {
      // The sum's last bit is worth 2⁻²⁴, the least half: adding rounds.
      half = Float.floatToRawIntBits(Float.intBitsToFloat(magnitude) + 0.5f) - 0x3f000000;
    } else {
      half = (magnitude - (112 << 23) + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;
    }
    return (short) (sign | half);
  }
}
