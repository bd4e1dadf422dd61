package io.github.peft4j.kernel.cuda;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * What a piece of code launches on a GPU, recorded once and launched again as a whole. That costs
 * the host some microseconds, whatever the number of kernels.
 *
 * <p>A graph runs the same kernels on the same memory each time. What changes between two runs must
 * be written into tensors that the code reads, before {@link #replay}. What the code computes stays
 * in its tensors until the next graph of the same {@link Pool} runs.
 *
 * <p>The code must have run once before it is recorded, so that nothing is set up in it for the
 * first time. It must not wait for the device nor copy from or to Java. If it draws random numbers,
 * each run draws new ones, as the code would: PyTorch's generator is read when the graph runs.
 */
public final class CudaGraph implements AutoCloseable {

  /** What a graph may take besides its tensors. */
  private static final long SPARE_BYTES = 256L << 20;

  private final GraphLibrary library;
  private final Memory graph;
  private boolean closed;

  private CudaGraph(GraphLibrary library, Memory graph) {
    this.library = library;
    this.graph = graph;
  }

  /** The memory of graphs that do not run at the same time. It is freed with the last of them. */
  public static final class Pool {

    /** PyTorch counts its own pools from 1. */
    private static final AtomicLong NUMBERS = new AtomicLong(1L << 40);

    private final long number = NUMBERS.incrementAndGet();
  }

  /** Whether this process can record graphs: it has a PyTorch for CUDA that peft4j knows. */
  public static boolean isAvailable() {
    return GraphLibrary.loaded().isPresent();
  }

  /**
   * Records what code launches. It does not run on the device meanwhile.
   *
   * @param device the index of the GPU
   * @param pool the memory of the tensors that the code makes
   * @param code runs on the calling thread
   * @throws RuntimeException if the code does what a graph cannot, such as waiting for the device,
   *     if it throws something itself, or if there is too little memory. Nothing has run then
   */
  public static CudaGraph record(int device, Pool pool, Runnable code) {
    GraphLibrary library =
        GraphLibrary.loaded()
            .orElseThrow(
                () -> new IllegalStateException("there is no PyTorch that records graphs"));
    Pointer stream = library.stream(device);
    Pointer guard = library.enter(stream, device);
    try {
      long free = library.freeBytes();
      if (free < SPARE_BYTES) {
        throw new IllegalStateException(
            "the device has %,d MiB left; a graph may take %,d"
                .formatted(free >> 20, SPARE_BYTES >> 20));
      }
      Memory graph = library.construct();
      library.begin(graph, pool.number);
      RuntimeException failure = run(code);
      if (!library.isRecording(stream)) {
        library.abandon(stream);
        throw new IllegalStateException("the code did what a graph cannot", failure);
      }
      library.end(graph);
      CudaGraph recorded = new CudaGraph(library, graph);
      if (failure != null) {
        recorded.close();
        throw failure;
      }
      return recorded;
    } finally {
      library.leave(guard);
    }
  }

  private static @Nullable RuntimeException run(Runnable code) {
    try {
      code.run();
      return null;
    } catch (RuntimeException e) {
      return e;
    }
  }

  /** Launches all of it, on the stream of the calling thread. */
  public synchronized void replay() {
    if (closed) {
      throw new IllegalStateException("the graph is closed");
    }
    library.replay(graph);
  }

  /** Frees the graph, and its memory if no other graph of its pool is left. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      library.destruct(graph);
    }
  }
}
