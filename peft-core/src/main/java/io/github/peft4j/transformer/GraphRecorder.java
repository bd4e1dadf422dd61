package io.github.peft4j.transformer;

import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.kernel.cuda.CudaGraph;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Records code as CUDA graphs. What the code makes and frees in a run is in memory that all of its
 * graphs share, so they run one after the other.
 */
final class GraphRecorder implements Recorder {

  private static final Logger LOG = LoggerFactory.getLogger(GraphRecorder.class);

  private final int device;
  private final CudaGraph.Pool pool = new CudaGraph.Pool();
  private volatile boolean failed;

  /**
   * A recorder.
   *
   * @param device the number of the GPU
   */
  GraphRecorder(int device) {
    this.device = device;
  }

  @Override
  public boolean records() {
    return !failed;
  }

  @Override
  public Recording record(Runnable code) {
    return new Graph(code);
  }

  /** The first run sets up what is made once; the second one is recorded. */
  private final class Graph implements Recording {

    private final Runnable code;
    private @Nullable CudaGraph graph;
    private boolean warm;

    Graph(Runnable code) {
      this.code = code;
    }

    @Override
    public void run() {
      if (warm && graph == null && !failed) {
        graph = recorded(code);
      }
      if (graph == null) {
        code.run();
      } else {
        graph.replay();
      }
      warm = true;
    }

    @Override
    public void close() {
      if (graph != null) {
        graph.close();
        graph = null;
      }
    }
  }

  private @Nullable CudaGraph recorded(Runnable code) {
    try {
      PyTorch.releaseCachedMemory(); // a graph has memory of its own
      return CudaGraph.record(device, pool, code);
    } catch (RuntimeException e) {
      failed = true;
      LOG.info("decoding is not recorded as a CUDA graph, which would be faster: {}", reason(e));
      LOG.debug("the recording failed", e);
      return null;
    }
  }

  private static String reason(RuntimeException e) {
    Throwable cause = e.getCause();
    return cause == null
        ? String.valueOf(e.getMessage())
        : e.getMessage() + ": " + cause.getMessage();
  }
}
