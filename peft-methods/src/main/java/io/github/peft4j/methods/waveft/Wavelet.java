package io.github.peft4j.methods.waveft;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.io.JsonFile;
import java.util.Set;

/** The filters by which a wavelet family rebuilds a signal from its coarse and its fine half. */
final class Wavelet {

  /** Hugging Face PEFT's low-pass filters by name. */
  private static final JsonObject FILTERS = JsonFile.resource(Wavelet.class, "wavelets.json");

  private final double[] coarse;

  private Wavelet(double[] coarse) {
    this.coarse = coarse;
  }

  /** The names of the families that PEFT can rebuild with. */
  static Set<String> names() {
    return FILTERS.keySet();
  }

  /** The family of one of {@link #names()}. */
  static Wavelet of(String name) {
    JsonArray filter = FILTERS.getAsJsonArray(name);
    return new Wavelet(filter.asList().stream().mapToDouble(JsonElement::getAsDouble).toArray());
  }

  /** The length L of both filters, which is even. */
  int length() {
    return coarse.length;
  }

  /** The high-pass filter: the low-pass filter reversed, with every second sign changed. */
  private double[] fine() {
    double[] fine = new double[coarse.length];
    for (int i = 0; i < fine.length; i++) {
      double mirrored = coarse[coarse.length - 1 - i];
      fine[i] = i % 2 == 0 ? mirrored : -mirrored;
    }
    return fine;
  }

  /**
   * The size of the coefficients that rebuild a signal of this size: L - 2 more because of the
   * border, and even.
   */
  long padded(long size) {
    long padded = size + coarse.length - 2;
    return padded + padded % 2;
  }

  /**
   * The filters of the four quarters [4, L, L], in row-major order. They are those of the upper
   * left, upper right, lower left and lower right quarter. As in PEFT, the upper right one is fine
   * along the rows' axis.
   */
  float[] quarters() {
    double[] fine = fine();
    double[][] rows = {coarse, fine, coarse, fine};
    double[][] columns = {coarse, coarse, fine, fine};
    int length = coarse.length;
    float[] filters = new float[4 * length * length];
    for (int i = 0; i < filters.length; i++) {
      int quarter = i / (length * length);
      filters[i] =
          (float) rows[quarter][i / length % length] * (float) columns[quarter][i % length];
    }
    return filters;
  }
}
