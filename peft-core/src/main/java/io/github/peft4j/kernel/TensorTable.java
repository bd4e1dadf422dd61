package io.github.peft4j.kernel;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.cuda.CudaText;
import io.github.peft4j.kernel.cuda.DeviceTensor;
import io.github.peft4j.kernel.cuda.Launch;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Lists of tensors on a GPU, for a CUDA text that changes all of them in one launch. The text's
 * first parameter is a table of 64-bit words, a row for the i-th tensors of the lists: their
 * addresses, and numbers. The tensors must outlive the table.
 */
public final class TensorTable implements AutoCloseable {

  private final CudaText text;
  private final NDArray table;
  private final long[] handles;

  private TensorTable(CudaText text, NDArray table, NDList shared) {
    this.text = text;
    this.table = table;
    this.handles =
        Stream.concat(Stream.of(table), shared.stream())
            .mapToLong(array -> Kernel.native_(array).getHandle())
            .toArray();
  }

  /**
   * Makes a table.
   *
   * @param text its parameters are the table, the shared tensors, and the numbers of a call
   * @param shared tensors of 32-bit numbers for all rows
   * @param lists tensors of any types; all lists are of the same length, 1 or more
   * @param numbers the numbers of each row
   * @return null if CUDA texts cannot run, or unless all tensors are contiguous and on one GPU
   */
  public static @Nullable TensorTable of(
      CudaText text, NDList shared, List<NDList> lists, long[][] numbers) {
    Device device = lists.get(0).get(0).getDevice();
    if (!device.isGpu()) {
      return null;
    }
    NDManager manager = lists.get(0).get(0).getManager();
    long[] words = new long[0];
    for (int i = 0; i < numbers.length; i++) {
      int row = i;
      long[] addresses =
          DeviceTensor.addresses(
              device.getDeviceId(),
              lists.stream().mapToLong(l -> Kernel.native_(l.get(row)).getHandle()).toArray());
      if (addresses == null) {
        return null;
      }
      if (i == 0) {
        words = new long[numbers.length * (addresses.length + numbers[0].length)];
      }
      int width = words.length / numbers.length;
      System.arraycopy(addresses, 0, words, i * width, addresses.length);
      System.arraycopy(numbers[i], 0, words, i * width + addresses.length, numbers[i].length);
    }
    Shape shape = new Shape(numbers.length, words.length / numbers.length);
    return new TensorTable(text, Scope.release(manager.create(words, shape)), shared);
  }

  /**
   * Launches the text.
   *
   * @param blocks the number of blocks of threads
   * @param threads of a block
   * @param wholes parameters that are integers of 64 bits
   * @param numbers parameters that are doubles, after those
   * @return whether it was launched; if not, nothing has happened
   */
  public boolean call(long blocks, int threads, long[] wholes, double... numbers) {
    long[] words =
        LongStream.concat(
                Arrays.stream(wholes),
                Arrays.stream(numbers).mapToLong(Double::doubleToRawLongBits))
            .toArray();
    return text.launch(new Launch(1, blocks, threads, 1, List.of(), words), handles);
  }

  @Override
  public void close() {
    table.close();
  }
}
