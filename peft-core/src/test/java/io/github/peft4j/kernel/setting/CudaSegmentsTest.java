package io.github.peft4j.kernel.setting;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

class CudaSegmentsTest {

  private static final Map<String, String> EXPANDABLE =
      Map.of("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True");

  @Test
  void theyAreOnUnlessTheUserSaysOtherwise() {
    assertThat(CudaSegments.variables(name -> null, Map.of(), true)).isEqualTo(EXPANDABLE);
    assertThat(CudaSegments.variables(name -> "true", Map.of(), true)).isEqualTo(EXPANDABLE);
    assertThat(CudaSegments.variables(name -> "false", Map.of(), true)).isEmpty();
    assertThat(CudaSegments.variables(name -> null, Map.of(), false)).isEmpty();
    for (String known : new String[] {"PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF"}) {
      Map<String, String> chosen = Map.of(known, "max_split_size_mb:64");
      assertThat(CudaSegments.variables(name -> null, chosen, true)).isEmpty();
    }
  }
}
