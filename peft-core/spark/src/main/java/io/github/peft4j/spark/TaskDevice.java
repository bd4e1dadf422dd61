package io.github.peft4j.spark;

import ai.djl.Device;
import org.apache.spark.TaskContext;
import org.apache.spark.resource.ResourceInformation;
import org.jspecify.annotations.Nullable;

/** The device that Spark gives a task. */
final class TaskDevice {

  private TaskDevice() {}

  /**
   * The first GPU of the task's resources, or the CPU if the application asks for no GPUs.
   *
   * @throws IllegalStateException if the address of the GPU is no number
   */
  static Device of(TaskContext task) {
    @Nullable ResourceInformation gpu = task.resourcesJMap().get("gpu");
    if (gpu == null || gpu.addresses().length == 0) {
      return Device.cpu();
    }
    String address = gpu.addresses()[0];
    try {
      return Device.gpu(Integer.parseInt(address));
    } catch (NumberFormatException e) {
      throw new IllegalStateException(
          ("the GPU of this task has the address '%s', expected its number from 0: let"
                  + " spark.executor.resource.gpu.discoveryScript give numbers")
              .formatted(address),
          e);
    }
  }
}
