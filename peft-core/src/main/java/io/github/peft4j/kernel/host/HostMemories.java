package io.github.peft4j.kernel.host;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Tape;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** {@link HostMemory} for the tensors of several GPUs: each comes back to the one that it left. */
public final class HostMemories implements Tape.Store {

  private final Map<Device, HostMemory> memories = new HashMap<>();
  private final IdentityHashMap<NDArray, HostMemory> origins = new IdentityHashMap<>();

  @Override
  public NDArray put(NDArray tensor) {
    HostMemory memory = memories.computeIfAbsent(tensor.getDevice(), HostMemory::new);
    NDArray copy = memory.put(tensor);
    origins.put(copy, memory);
    return copy;
  }

  @Override
  public NDArray get(NDArray copy, @Nullable NDArray next) {
    HostMemory memory = of(copy);
    return memory.get(copy, next != null && of(next) == memory ? next : null);
  }

  private HostMemory of(NDArray copy) {
    HostMemory memory = origins.get(copy);
    if (memory == null) {
      throw new IllegalArgumentException("a tensor that was not put away");
    }
    return memory;
  }

  @Override
  public void close() {
    memories.values().forEach(HostMemory::close);
    origins.clear();
  }
}
