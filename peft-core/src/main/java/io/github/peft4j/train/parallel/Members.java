package io.github.peft4j.train.parallel;

import ai.djl.ndarray.NDArray;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.reflect.TypeToken;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.train.step.Backpropagation;
import java.lang.reflect.Type;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.zip.CRC32;

/** What the members of a {@link Group} tell each other: gradients, losses and decisions. */
public final class Members {

  private static final Gson GSON = new GsonBuilder().serializeSpecialFloatingPointValues().create();

  private final Group group;

  /** Speaks for a member of a group. */
  public Members(Group group) {
    this.group = group;
  }

  /** Whether the training has this process alone. */
  public boolean isAlone() {
    return group.size() == 1;
  }

  int rank() {
    return group.rank();
  }

  int size() {
    return group.size();
  }

  /**
   * What the parts of a step gave.
   *
   * @param reached the tensors that a gradient has reached, by their index
   * @param results by the index of the part
   */
  record Parts(BitSet reached, Map<Integer, Backpropagation.Result> results) {

    private record Message(long[] reached, Map<Integer, Backpropagation.Result> results) {}

    private Message message() {
      return new Message(reached.toLongArray(), results);
    }
  }

  /** Puts the parts of all members together. */
  Parts together(Parts own) {
    BitSet reached = new BitSet();
    Map<Integer, Backpropagation.Result> results = new TreeMap<>();
    for (Parts.Message each : this.<Parts.Message>all(own.message(), Parts.Message.class)) {
      reached.or(BitSet.valueOf(each.reached()));
      results.putAll(each.results());
    }
    return new Parts(reached, results);
  }

  /** Whether it is so for one of the members. */
  public boolean any(boolean here) {
    return isAlone() ? here : this.<Boolean>all(here, Boolean.class).contains(true);
  }

  /** The numbers of the first member, which computes them while the others wait. */
  public Optional<Map<String, Double>> ofFirst(Supplier<Optional<Map<String, Double>>> numbers) {
    if (isAlone()) {
      return numbers.get();
    }
    Map<String, Double> here =
        group.rank() == 0 ? numbers.get().orElse(Map.of()) : Map.<String, Double>of();
    Type type = new TypeToken<Map<String, Double>>() {}.getType();
    Map<String, Double> first = this.<Map<String, Double>>all(here, type).get(0);
    return first.isEmpty() ? Optional.empty() : Optional.of(first);
  }

  private <T> List<T> all(Object here, Type type) {
    return group.gather(GSON.toJson(here).getBytes(StandardCharsets.UTF_8)).stream()
        .map(bytes -> GSON.<T>fromJson(new String(bytes, StandardCharsets.UTF_8), type))
        .toList();
  }

  /** Replaces an array by its sum over the members. */
  void sum(float[] values) {
    group.sum(values);
  }

  /** Replaces an array by its mean over the members. */
  void average(float[] values) {
    group.sum(values);
    for (int i = 0; i < values.length; i++) {
      values[i] /= group.size();
    }
  }

  /**
   * Requires that the members have the same settings and data.
   *
   * @throws IllegalArgumentException if they have not; the message says which
   */
  public void requireSame(Map<String, String> settings) {
    if (isAlone()) {
      return;
    }
    Type type = new TypeToken<TreeMap<String, String>>() {}.getType();
    List<Map<String, String>> all = this.<Map<String, String>>all(settings, type);
    for (int rank = 1; rank < all.size(); rank++) {
      Map<String, String> first = all.get(0);
      Map<String, String> other = all.get(rank);
      TreeSet<String> names = new TreeSet<>(first.keySet());
      names.addAll(other.keySet());
      names.removeIf(name -> Objects.equals(first.get(name), other.get(name)));
      if (!names.isEmpty()) {
        String name = names.first();
        throw new IllegalArgumentException(
            "member %d of the group has another %s: %s, and member 0 %s. All need the same settings, model and data, so let none depend on the process"
                .formatted(rank, name, other.get(name), first.get(name)));
      }
    }
  }

  /**
   * Requires that the members have the same tensors.
   *
   * @throws IllegalStateException if they have not
   */
  public void requireSame(Map<String, NDArray> tensors, long step) {
    if (isAlone()) {
      return;
    }
    CRC32 checksum = new CRC32();
    tensors.values().forEach(tensor -> checksum.update(bytes(tensor)));
    List<Long> all = this.<Long>all(checksum.getValue(), Long.class);
    for (int rank = 1; rank < all.size(); rank++) {
      if (!all.get(rank).equals(all.get(0))) {
        throw new IllegalStateException(
            ("after step %d, the tensors of member %d differ from those of member 0: expected the"
                    + " same bits everywhere. Do all have the same files, settings and kind of"
                    + " device?")
                .formatted(step, rank));
      }
    }
  }

  private static byte[] bytes(NDArray tensor) {
    float[] values = Tensors.floats(tensor);
    ByteBuffer buffer = ByteBuffer.allocate(4 * values.length);
    buffer.asFloatBuffer().put(values);
    return buffer.array();
  }
}
