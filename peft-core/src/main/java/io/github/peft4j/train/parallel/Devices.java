package io.github.peft4j.train.parallel;

import ai.djl.Device;
import io.github.peft4j.kernel.PyTorch;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** The devices of a training, and how many rows each computes at once. */
public final class Devices {

  private Devices() {}

  /**
   * Checks devices before a model is copied to them.
   *
   * @param devices the first is that of the model; the CPU may be there several times
   * @throws IllegalArgumentException if they are not there, or not those of the model
   */
  public static void check(List<Device> devices, Device ofModel) {
    if (!devices.get(0).equals(ofModel)) {
      throw new IllegalArgumentException(
          "on(%s): the model is on %s, which has to be the first of the devices; load it on another one by Peft.from(…).device(…)"
              .formatted(devices, ofModel));
    }
    int gpus = PyTorch.engine().getGpuCount();
    Set<Device> once = new HashSet<>();
    for (Device device : devices) {
      if (device.isGpu() && device.getDeviceId() >= gpus) {
        throw new IllegalArgumentException(
            "on(%s): PyTorch finds %d CUDA GPUs here, and counts them from 0; there is no %s"
                .formatted(devices, gpus, device));
      }
      if (device.isGpu() != ofModel.isGpu()) {
        throw new IllegalArgumentException(
            "on(%s): a CPU beside a GPU would be waited for in each step; take GPUs of one kind"
                .formatted(devices));
      }
      if (device.isGpu() && !once.add(device)) {
        throw new IllegalArgumentException(
            "on(%s): %s is there twice, and would hold the model twice; name each GPU once"
                .formatted(devices, device));
      }
    }
  }

  /**
   * In how many parts each batch of a step is computed, so that the devices have equal numbers of
   * parts: n / gcd(n, batches).
   *
   * @param devices their number n
   * @param batches the number of batches in a step
   */
  public static int partsOfBatch(int devices, int batches) {
    int gcd = devices;
    for (int other = batches; other != 0; ) {
      int rest = gcd % other;
      gcd = other;
      other = rest;
    }
    return devices / gcd;
  }
}
