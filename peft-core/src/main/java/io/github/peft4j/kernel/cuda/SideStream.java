package io.github.peft4j.kernel.cuda;

import com.sun.jna.Function;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * A second stream of a GPU, for copies that run beside the computation. All threads share the one
 * of a device.
 *
 * <p>PyTorch does not know that memory is in use on this stream. So a tensor that is used on it
 * must be made on the thread's own stream, and may be freed only after {@link #join}.
 */
public final class SideStream {

  /** The functions, if PyTorch and the driver have them. */
  private static final class Library {

    private static final Optional<Library> LOADED = LoadedLibrary.cuda(Library::new);

    private final Function current;
    private final Function createEvent;
    private final Function record;
    private final Function wait;

    private Library(LoadedLibrary torch, LoadedLibrary driver) {
      this.current = torch.require("aoti_torch_get_current_cuda_stream");
      this.createEvent = driver.require("cuEventCreate");
      this.record = driver.require("cuEventRecord");
      this.wait = driver.require("cuStreamWaitEvent");
    }
  }

  private static final int WITHOUT_TIME = 2;

  private static final Map<Integer, SideStream> STREAMS = new ConcurrentHashMap<>();

  private final Library library;
  private final GraphLibrary streams;
  private final int device;
  private final Pointer stream;

  /** What the thread's stream was asked for before copies. */
  private final Pointer begun;

  /** The copies so far. */
  private final Pointer done;

  private SideStream(Library library, GraphLibrary streams, int device) {
    this.library = library;
    this.streams = streams;
    this.device = device;
    this.stream = streams.createStream(device);
    this.begun = streams.inContext(device, this::event);
    this.done = streams.inContext(device, this::event);
  }

  /**
   * The second stream of a device.
   *
   * @param device the index of the GPU
   * @return empty if this process has no PyTorch for CUDA that peft4j knows
   */
  public static Optional<SideStream> of(int device) {
    return Library.LOADED.flatMap(
        library ->
            GraphLibrary.loaded()
                .map(
                    streams ->
                        STREAMS.computeIfAbsent(device, d -> new SideStream(library, streams, d))));
  }

  /**
   * Runs code that copies on this stream, after everything that the thread's stream was asked for.
   *
   * @param copies runs on the calling thread
   */
  public synchronized void begin(Runnable copies) {
    Pointer current = current();
    inContext(
        () -> {
          require("cuEventRecord", library.record, begun, current);
          require("cuStreamWaitEvent", library.wait, stream, begun, 0);
        });
    Pointer guard = streams.enter(stream, device);
    try {
      copies.run();
    } finally {
      streams.leave(guard);
      inContext(() -> require("cuEventRecord", library.record, done, stream));
    }
  }

  /** Lets what the thread's stream is asked for from now on wait for the copies so far. */
  public synchronized void join() {
    Pointer current = current();
    inContext(() -> require("cuStreamWaitEvent", library.wait, current, done, 0));
  }

  /** The thread's stream; null for CUDA's default one. */
  private @Nullable Pointer current() {
    PointerByReference stream = new PointerByReference();
    require("aoti_torch_get_current_cuda_stream", library.current, device, stream);
    return stream.getValue();
  }

  private Pointer event() {
    PointerByReference event = new PointerByReference();
    require("cuEventCreate", library.createEvent, event, WITHOUT_TIME);
    return event.getValue();
  }

  private void inContext(Runnable code) {
    streams.inContext(
        device,
        () -> {
          code.run();
          return done;
        });
  }

  private static void require(String name, Function function, @Nullable Object... arguments) {
    int result = function.invokeInt(arguments);
    if (result != 0) {
      throw new IllegalStateException(name + " failed with error " + result);
    }
  }
}
