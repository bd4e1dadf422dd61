package io.github.peft4j.kernel.cuda;

/** CUDA texts of other packages, compiled as {@link NvrtcTest} compiles those that it knows. */
public final class CompiledText {

  private CompiledText() {}

  /**
   * The program of a text. Without {@code -Dpeft4j.nvrtc}, the test that asks for it is skipped.
   *
   * @param types of the text's tensors, as CUDA texts name them
   */
  public static byte[] of(CudaText text, int capability, String... types) {
    return NvrtcTest.nvrtc()
        .compile(
            CudaText.PRELUDE + text.source(),
            capability,
            NvrtcTest.definitions(new NvrtcTest.Text(text, types), 1));
  }
}
