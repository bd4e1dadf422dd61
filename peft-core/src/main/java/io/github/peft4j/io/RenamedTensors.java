package io.github.peft4j.io;

import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/** The tensors of a source under other names. It closes the source. */
public final class RenamedTensors implements TensorSource {

  private final TensorSource source;
  private final Map<String, String> stored;

  /**
   * Renames tensors.
   *
   * @param stored the names in the source by new name, in the order of {@link #names}; tensors that
   *     are not mentioned are left out
   */
  public RenamedTensors(TensorSource source, Map<String, String> stored) {
    this.source = source;
    this.stored = Collections.unmodifiableMap(new LinkedHashMap<>(stored));
  }

  /**
   * Renames tensors by a rule.
   *
   * @return the source itself if the rule changes no name
   * @throws IllegalArgumentException if two tensors get the same name
   */
  public static TensorSource by(TensorSource source, UnaryOperator<String> rule) {
    Map<String, String> stored = new LinkedHashMap<>();
    for (String name : source.names()) {
      String other = stored.putIfAbsent(rule.apply(name), name);
      if (other != null) {
        throw new IllegalArgumentException(
            "%s: the tensors %s and %s are both read as %s; remove one of them"
                .formatted(source, other, name, rule.apply(name)));
      }
    }
    boolean same = stored.entrySet().stream().allMatch(e -> e.getKey().equals(e.getValue()));
    return same ? source : new RenamedTensors(source, stored);
  }

  @Override
  public Set<String> names() {
    return stored.keySet();
  }

  @Override
  public TensorInfo info(String name) {
    TensorInfo info = source.info(stored(name));
    return new TensorInfo(name, info.dtype(), info.shape());
  }

  @Override
  public void read(String name, Consumer<ByteBuffer> sink) {
    source.read(stored(name), sink);
  }

  @Override
  public Optional<FileRegion> region(String name) {
    return source.region(stored(name));
  }

  private String stored(String name) {
    String there = stored.get(name);
    if (there == null) {
      throw new NoSuchTensorException(source, name, names());
    }
    return there;
  }

  @Override
  public void close() {
    source.close();
  }

  @Override
  public String toString() {
    return source.toString();
  }
}
