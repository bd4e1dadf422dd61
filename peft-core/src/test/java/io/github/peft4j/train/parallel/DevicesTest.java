package io.github.peft4j.train.parallel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DevicesTest {

  /** Each device has as many parts as the others, and no batch is split without need. */
  @ParameterizedTest
  @CsvSource({
    "1, 1, 1", "2, 1, 2", "2, 2, 1", "2, 3, 2", "2, 4, 1", "8, 4, 2", "4, 6, 2", "3, 2, 3"
  })
  void batchesAreSplitSoThatPartsAreShared(int devices, int batches, int parts) {
    assertThat(Devices.partsOfBatch(devices, batches)).isEqualTo(parts);
    assertThat(parts * batches % devices).isZero();
  }

  @Test
  void theModelsDeviceComesFirst() {
    Device cpu = Device.cpu();
    Devices.check(List.of(cpu, cpu), cpu);
    assertThatThrownBy(() -> Devices.check(List.of(Device.gpu(0)), cpu))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("the model is on cpu()");
    assertThatThrownBy(() -> Devices.check(List.of(cpu, Device.gpu(99)), cpu))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("there is no gpu(99)");
  }
}
