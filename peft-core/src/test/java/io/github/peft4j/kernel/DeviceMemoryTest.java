package io.github.peft4j.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.engine.EngineException;
import io.github.peft4j.advice.Remedy;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Messages in the words of PyTorch 2.7 to 2.11. */
class DeviceMemoryTest {

  private static final String TORCH_27 =
      """
      CUDA out of memory. Tried to allocate 136.00 MiB. GPU 0 has a total capacity of 23.49 GiB of which 116.19 MiB is free. \
      Including non-PyTorch memory, this process has 22.92 GiB memory in use. Of the allocated memory 22.54 GiB is allocated by \
      PyTorch, and 2.73 MiB is reserved by PyTorch but unallocated. If reserved but unallocated memory is large try setting \
      PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.""";

  private static final String TORCH_211 =
      """
      CUDA out of memory. Tried to allocate 2.00 GiB. GPU 1 has a total capacity of 139.80 GiB of which 0 bytes is free. \
      Process 2341196 has 138.79 GiB memory in use. Of the allocated memory 130.05 GiB is allocated by PyTorch, with 390.33 MiB \
      allocated in private pools (e.g., CUDA Graphs), and 7.80 GiB is reserved by PyTorch but unallocated. If reserved but \
      unallocated memory is large try setting PYTORCH_ALLOC_CONF=expandable_segments:True to avoid fragmentation.""";

  @Test
  void saysWhatWasAskedHeldAndFree() {
    assertThat(DeviceMemory.of("kernel failed for arguments (8, 512): " + TORCH_27).orElseThrow())
        .hasToString(
            "GPU 0 has not enough memory: 136.0 MiB more were asked for; it has 23.49 GiB, of which"
                + " 116.2 MiB are free; arrays of this program hold 22.54 GiB, and 2.7 MiB are kept"
                + " for its next ones");
    DeviceMemory memory = DeviceMemory.of(TORCH_211).orElseThrow();
    assertThat(memory.device()).isEqualTo("GPU 1");
    assertThat(memory.asked()).hasValue(2L << 30);
    assertThat(memory.free()).hasValue(0);
    assertThat(memory.total()).hasValue(Math.round(139.8 * (1 << 30)));
    assertThat(memory.held()).hasValue(Math.round(130.05 * (1 << 30)));
    assertThat(memory.reserved()).hasValue(Math.round(7.8 * (1 << 30)));
  }

  @Test
  void saysWhatIsKnownOfTheCpu() {
    String message =
        "[enforce fail at alloc_cpu.cpp:119] err == 0. DefaultCPUAllocator: can't allocate memory:"
            + " you tried to allocate 281474976710656 bytes. Error code 12 (Cannot allocate memory)";
    assertThat(DeviceMemory.of(message).orElseThrow())
        .hasToString("the CPU has not enough memory: 262,144.00 GiB more were asked for");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED"
      })
  void knowsMessagesWithoutNumbers(String message) {
    assertThat(DeviceMemory.of(message).orElseThrow()).hasToString("the GPU has not enough memory");
  }

  @Test
  void otherErrorsStayAsTheyAre() {
    assertThat(DeviceMemory.of("CUDA error: device-side assert triggered")).isEmpty();
    EngineException other = new EngineException("The size of tensor a (3) must match");
    assertThatThrownBy(
            () ->
                OutOfDeviceMemoryException.guard(
                    () -> "a test",
                    () -> "Do this",
                    () -> {
                      throw other;
                    }))
        .isSameAs(other);
  }

  @Test
  void theExceptionHasFactAdviceAndCause() {
    EngineException cause = new EngineException(TORCH_27);
    assertThatThrownBy(
            () ->
                OutOfDeviceMemoryException.guard(
                    () -> "step 3",
                    () -> "Do this",
                    () -> {
                      throw cause;
                    }))
        .isInstanceOf(OutOfDeviceMemoryException.class)
        .hasCause(cause)
        .hasMessageStartingWith("step 3: GPU 0 has not enough memory: 136.0 MiB more were")
        .hasMessageEndingWith("next ones. Do this")
        .satisfies(
            e -> {
              OutOfDeviceMemoryException error = (OutOfDeviceMemoryException) e;
              assertThat(error.memory().asked()).hasValue(136L << 20);
              assertThat(error.advice().orElseThrow().remedy()).isEqualTo(Remedy.TAKE_LESS_MEMORY);
            });
  }
}
