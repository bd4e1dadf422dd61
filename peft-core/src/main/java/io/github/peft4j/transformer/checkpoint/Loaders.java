package io.github.peft4j.transformer.checkpoint;

import static java.util.Objects.requireNonNull;

import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.TensorLoader;
import io.github.peft4j.kernel.device.Home;
import io.github.peft4j.kernel.device.Homes;
import io.github.peft4j.kernel.host.StreamedWeights;
import java.util.IdentityHashMap;

/** Loads each tensor of a model onto its own device. */
final class Loaders implements AutoCloseable {

  private final Homes homes;
  private final IdentityHashMap<Home, TensorLoader> loaders = new IdentityHashMap<>();
  private final StreamedWeights streamed;

  /**
   * Creates the loaders.
   *
   * @param precision of the tensors
   * @param listener is told of every tensor
   */
  Loaders(Homes homes, Precision precision, TensorLoader.Listener listener) {
    this.homes = homes;
    this.streamed = new StreamedWeights(homes.main().device());
    homes
        .all()
        .forEach(home -> loaders.put(home, new TensorLoader(home.manager(), precision, listener)));
  }

  /** The device of each module. */
  Homes homes() {
    return homes;
  }

  /** The loader of what belongs to no layer. */
  TensorLoader main() {
    return of(homes.main());
  }

  /** The loader of a tensor. */
  TensorLoader of(String name) {
    return of(homes.of(name));
  }

  private TensorLoader of(Home home) {
    return requireNonNull(loaders.get(home));
  }

  /** Streams the weights of layers on the host to the main device. */
  StreamedWeights streamed() {
    return streamed;
  }

  /** The precision of the loaded tensors. */
  Precision precision() {
    return main().precision();
  }

  @Override
  public void close() {
    loaders.values().forEach(TensorLoader::close);
  }
}
