package io.github.peft4j.transformer;

import ai.djl.Device;
import io.github.peft4j.kernel.cuda.CudaGraph;

/**
 * How code that launches the same kernels on the same memory each time is run again and again: as
 * it is, or recorded on a GPU and replayed from there.
 */
interface Recorder {

  /** Runs the code each time. */
  Recorder PLAIN =
      new Recorder() {
        @Override
        public boolean records() {
          return false;
        }

        @Override
        public Recording record(Runnable code) {
          return Recording.of(code);
        }
      };

  /**
   * The recorder of a device. The system property {@code peft4j.cudaGraphs} set to {@code false}
   * turns graphs off.
   */
  static Recorder of(Device device) {
    boolean graphs =
        device.isGpu()
            && !"false".equals(System.getProperty("peft4j.cudaGraphs"))
            && CudaGraph.isAvailable();
    return graphs ? new GraphRecorder(device.getDeviceId()) : PLAIN;
  }

  /** Whether it really records, so that repeating code saves time. */
  boolean records();

  /**
   * Prepares code for many runs. Nothing runs yet.
   *
   * @param code reads and writes tensors whose memory stays where it is. It must not read values of
   *     a GPU, nor copy to it from the host
   */
  Recording record(Runnable code);

  /** Code that runs again and again. Each {@link #run} has the effect of one run of the code. */
  interface Recording extends AutoCloseable {

    /** Runs the code once. */
    void run();

    /** Frees what has been recorded. */
    @Override
    void close();

    /** The code itself. */
    static Recording of(Runnable code) {
      return new Recording() {
        @Override
        public void run() {
          code.run();
        }

        @Override
        public void close() {
          // nothing is recorded
        }
      };
    }
  }
}
