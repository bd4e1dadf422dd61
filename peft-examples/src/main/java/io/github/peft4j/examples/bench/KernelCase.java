package io.github.peft4j.examples.bench;

import ai.djl.ndarray.NDArray;
import com.google.gson.Gson;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.kernel.cuda.CudaText;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * A kernel to measure.
 *
 * @param name of the kernel, and whether its backward pass is measured, too
 * @param shape of its input
 * @param bytes what a call has to read and write at least
 * @param call calls it once; the result is small or a result of the kernel
 */
public record KernelCase(String name, String shape, long bytes, Supplier<NDArray> call) {

  /** So long that the JVM compiles what a call costs the host. */
  private static final long WARM_UP_NANOS = 1_000_000_000;

  /**
   * Measures calls one after the other, without a wait between them.
   *
   * @return a line of JSON
   */
  public String measure(int calls) {
    return measure(calls, WARM_UP_NANOS);
  }

  String measure(int calls, long warmUp) {
    long begin = System.nanoTime();
    do {
      run(calls);
    } while (System.nanoTime() - begin < warmUp);
    long launches = CudaText.launches();
    long start = System.nanoTime();
    run(calls);
    double microseconds = (System.nanoTime() - start) / 1e3 / calls;
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("kernel", name);
    line.put("shape", shape);
    line.put("cuda_texts", (CudaText.launches() - launches) / calls);
    line.put("us", Numbers.rounded(microseconds));
    line.put("gb_per_second", Numbers.rounded(bytes / microseconds / 1e3));
    line.put("bytes", bytes);
    return new Gson().toJson(line);
  }

  /** Runs calls and waits for the last of them. */
  private void run(int calls) {
    for (int i = 0; i < calls; i++) {
      try (Scope scope = new Scope()) {
        NDArray result = call.get();
        if (i == calls - 1) {
          scope.keep(first(result)).close();
        }
      }
    }
  }

  /** The first element, on the CPU, so that the GPU has computed it. */
  private static NDArray first(NDArray result) {
    NDArray one = Autograd.detach(result).flatten().get("0:1");
    Tensors.floats(one);
    return one;
  }
}
