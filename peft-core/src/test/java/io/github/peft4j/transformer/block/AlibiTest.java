package io.github.peft4j.transformer.block;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The values of transformers 5.24's build_alibi_tensor of BLOOM. */
class AlibiTest {

  @Test
  void slopesOfAPowerOfTwo() {
    assertThat(Alibi.slopes(4)).containsExactly(0.25f, 0.0625f, 0.015625f, 0.00390625f);
  }

  @Test
  void slopesOfFurtherHeadsLieBetween() {
    assertThat(Alibi.slopes(6))
        .containsExactly(0.25f, 0.0625f, 0.015625f, 0.00390625f, 0.5f, 0.125f);
  }
}
