package io.github.peft4j.tuner.site;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.Rows;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class AttentionTextsTest {

  @Test
  void someRowsHaveTheirOwnTextsAndEnds() {
    try (NDManager manager = Tensors.newManager(Device.cpu())) {
      int[][] lengths = {{3, 5}, {8}, {1, 1, 6}};
      AttentionSite.Texts texts =
          new AttentionSite.Texts(
              lengths,
              AttentionSite.Texts.ends(manager, lengths),
              () -> manager.create(new long[] {10, 11, 12}));
      assertThat(texts.inOrder()).containsExactly(3, 5, 8, 1, 1, 6);
      assertThat(texts.ends().toIntArray()).containsExactly(0, 3, 8, 16, 17, 18, 24);

      AttentionSite.Texts some = texts.select(Rows.of(LongStream.of(2, 0)));
      assertThat(some.inOrder()).containsExactly(1, 1, 6, 3, 5);
      assertThat(some.ends().toIntArray()).containsExactly(0, 1, 2, 8, 11, 16);
      assertThat(some.bias().get().toLongArray()).containsExactly(12, 10);
    }
  }
}
