package io.github.peft4j.train.optimizer;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.host.HostPages;
import io.github.peft4j.tuner.Trainable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Which states of an optimizer wait in the host's memory, and how they are divided into pages. It
 * is the states of large tensors, without what they have for each block, as in bitsandbytes: many
 * small copies would take longer than they save memory.
 *
 * @param hosts the host's memory, by the device that it is for
 * @param smallest elements of a state from which it waits on the host
 * @param most bytes of a page; a tensor with more is a page of its own
 */
record Paging(Map<Device, HostPages> hosts, long smallest, long most) {

  /** As in bitsandbytes. */
  private static final long SMALLEST = 100_000;

  /** Copies of this size run at full speed, and two of them are little. */
  private static final long MOST = 64L << 20;

  /** The usual paging. */
  static Paging usual() {
    return new Paging(new HashMap<>(), SMALLEST, MOST);
  }

  /** The host's memory for a device. */
  HostPages pages(Device device) {
    return hosts.computeIfAbsent(device, HostPages::new);
  }

  /** Moves what is to wait on the host there, from the device. */
  void move(Map<String, NDArray> slot, Device device) {
    slot.replaceAll(
        (name, array) -> {
          if (array.size() < smallest) {
            return array;
          }
          try (array) {
            return pages(device).put(array);
          }
        });
  }

  /** The states of a slot that wait on the host. */
  Map<String, NDArray> waiting(Map<String, NDArray> slot) {
    Map<String, NDArray> waiting = new LinkedHashMap<>(slot);
    waiting.values().removeIf(array -> array.size() < smallest);
    return waiting;
  }

  /** Divides tensors into pages. */
  List<List<Trainable>> divide(
      List<Trainable> tensors, Function<Trainable, Map<String, NDArray>> slots) {
    List<List<Trainable>> divided = new ArrayList<>();
    long held = most;
    for (Trainable tensor : tensors) {
      long bytes =
          waiting(slots.apply(tensor)).values().stream()
              .mapToLong(array -> array.size() * array.getDataType().getNumOfBytes())
              .sum();
      if (divided.isEmpty() || held + bytes > most) {
        divided.add(new ArrayList<>());
        held = 0;
      }
      divided.get(divided.size() - 1).add(tensor);
      held += bytes;
    }
    return divided;
  }

  /** A slot in which what waits on the host is replaced by the next arrays that came from there. */
  Map<String, NDArray> whole(Map<String, NDArray> slot, Iterator<NDArray> here) {
    Map<String, NDArray> whole = new LinkedHashMap<>(slot);
    waiting(slot).keySet().forEach(name -> whole.put(name, here.next()));
    return whole;
  }
}
