package io.github.peft4j.methods.waveft;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.TorchRandom;
import io.github.peft4j.methods.common.linear.LinearMethod;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.Arrays;
import java.util.List;

/**
 * WaveFT (Bilican et al. 2025): W x + s DWT⁻¹(S) x, where the wavelet coefficients S are zero
 * except at some positions, which are chosen at random once.
 */
public final class WaveFt extends LinearMethod<WaveFtConfig> {

  /** The method. */
  public WaveFt() {
    super("WAVEFT", WaveFtConfig.class, WaveFt::layers);
  }

  private static LayerFactory<LinearSite, WaveFtConfig> layers(
      WaveFtConfig whole, List<LinearSite> modules) {
    Frequencies frequencies = Frequencies.of(whole, modules);
    return (site, config, initial) -> layer(site, config, frequencies.of(site), initial);
  }

  private static WaveFtLinear layer(
      LinearSite site, WaveFtConfig config, int n, Initializer initial) {
    long[] order;
    try (TorchRandom random = new TorchRandom(config.randomLocSeed())) {
      order = random.permutation(site.inFeatures() * site.outFeatures());
    }
    NDArray start = config.initWeights() ? initial.zeros(n) : initial.normal(0.01, n);
    long[] places = Arrays.copyOf(order, n);
    if (!config.useIdwt()) {
      return WaveFtLinear.sparse(site, start, places, config.scaling());
    }
    Wavelet wavelet = Wavelet.of(config.waveletFamily());
    NDArray filters = initial.of(wavelet.quarters(), 4, 1, wavelet.length(), wavelet.length());
    return WaveFtLinear.rebuilt(site, start, places, config.scaling(), wavelet, filters);
  }
}
