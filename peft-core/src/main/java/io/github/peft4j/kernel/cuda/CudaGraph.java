package io.github.peft4j.kernel.cuda;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
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

  /** Memory that a graph may take in addition to its tensors. */
  private static final long SPARE_BYTES = 256L << 20;

  /** The stream for recordings of a device can have one at a time. */
  private static final ReentrantLock RECORDING = new ReentrantLock();

  private final GraphLibrary library;
  private final Memory graph;
  private final Pool pool;
  private final long number;
  private boolean closed;

  private CudaGraph(GraphLibrary library, Memory graph, Pool pool, long number) {
    this.library = library;
    this.graph = graph;
    this.pool = pool;
    this.number = number;
  }

  /** The memory of graphs that do not run at the same time. It is freed with the last of them. */
  public static final class Pool {

    /** PyTorch counts its own pools from 1. */
    private static final AtomicLong NUMBERS = new AtomicLong(1L << 40);

    private long number;
    private int graphs;

    /**
     * Counts a graph.
     *
     * @return PyTorch's number of the memory. It is a new one after the last graph has left,
     *     because PyTorch refuses to use a pool again that it may free
     */
    synchronized long enter() {
      if (graphs == 0) {
        number = NUMBERS.incrementAndGet();
      }
      graphs++;
      return number;
    }

    synchronized void leave(long of) {
      if (of == number && graphs > 0) {
        graphs--;
      }
    }

    /** Leaves the memory to its graphs: a recording of it was not ended, so no other may begin. */
    synchronized void renounce() {
      graphs = 0;
    }
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
    RECORDING.lock();
    try {
      return record(library, device, pool, code);
    } finally {
      RECORDING.unlock();
    }
  }

  /** Runs code while no thread records on any GPU, such as what gives PyTorch's memory back. */
  public static void betweenRecordings(Runnable code) {
    RECORDING.lock();
    try {
      code.run();
    } finally {
      RECORDING.unlock();
    }
  }

  private static CudaGraph record(GraphLibrary library, int device, Pool pool, Runnable code) {
    Pointer stream = library.stream(device);
    Pointer guard = library.enter(stream, device);
    try {
      long free = library.freeBytes();
      if (free < SPARE_BYTES) {
        throw new IllegalStateException(
            "the device has %,d MiB left; a graph may take %,d"
                .formatted(free >> 20, SPARE_BYTES >> 20));
      }
      CudaGraph recorded = new CudaGraph(library, library.construct(), pool, pool.enter());
      library.begin(recorded.graph, recorded.number);
      RuntimeException failure = run(code);
      if (!library.isRecording(stream)) {
        library.abandon(stream);
        pool.renounce();
        throw new IllegalStateException("the code did what a graph cannot", failure);
      }
      library.end(recorded.graph);
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
      pool.leave(number);
    }
  }
}
