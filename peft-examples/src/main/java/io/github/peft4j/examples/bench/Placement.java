package io.github.peft4j.examples.bench;

import ai.djl.Device;
import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.transformer.DeviceMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/** Devices, and where layers are, by the names that programs take. */
public final class Placement {

  /** The name of a map over all GPUs, by their free memory. */
  public static final String BALANCED = "balanced";

  private static final String HOST = "host";
  private static final Pattern DEVICE = Pattern.compile("cpu|gpu(\\d{0,3})");
  private static final Pattern LAYERS = Pattern.compile("(\\d{1,4})(?:-(\\d{1,4}))?");

  private Placement() {}

  /** The first GPU, or the CPU if there is none. */
  public static Device first() {
    return gpus() > 0 ? Device.gpu(0) : Device.cpu();
  }

  /**
   * A device by its name.
   *
   * @param option what names it, for messages
   * @param name {@code cpu}, {@code gpu} or {@code gpu1}
   * @throws IllegalArgumentException if there is no such name, or no such GPU
   */
  public static Device device(String option, String name) {
    Matcher matcher = DEVICE.matcher(name);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(option + " is '" + name + "', expected cpu, gpu or gpu1");
    }
    String number = matcher.group(1);
    if (number == null) {
      return Device.cpu();
    }
    int gpu = number.isEmpty() ? 0 : Integer.parseInt(number);
    if (gpu >= gpus()) {
      throw new IllegalArgumentException(
          option + " is " + name + ", but PyTorch sees " + gpus() + " GPUs (counted from 0)");
    }
    return Device.gpu(gpu);
  }

  /**
   * A device and those after it; the CPU, so many times.
   *
   * @param option what asks for them, for messages
   * @param count how many
   * @throws IllegalArgumentException if there are not so many
   */
  public static List<Device> devices(String option, int count, Device first) {
    if (count < 1) {
      throw new IllegalArgumentException(option + " is " + count + ", expected 1 or more");
    }
    if (first.isGpu() && first.getDeviceId() + count > gpus()) {
      throw new IllegalArgumentException(
          "%s is %d, but PyTorch sees %d GPUs from gpu%d on"
              .formatted(option, count, gpus() - first.getDeviceId(), first.getDeviceId()));
    }
    return IntStream.range(0, count)
        .mapToObj(i -> first.isGpu() ? Device.gpu(first.getDeviceId() + i) : first)
        .toList();
  }

  /**
   * Where the layers of a model are.
   *
   * @param option what names them, for messages
   * @param main the device of all that belongs to no layer
   * @param places {@code balanced} alone, which is over all GPUs; or devices by numbers of layers,
   *     such as {@code gpu1} or {@code host} by {@code 16-31} or {@code 7}
   * @throws IllegalArgumentException if it is neither
   */
  public static DeviceMap map(String option, Device main, Map<String, Optional<String>> places) {
    if (places.equals(Map.of(BALANCED, Optional.empty()))) {
      if (gpus() < 2) {
        throw new IllegalArgumentException(
            "%s is %s, but PyTorch sees %d GPUs, expected two or more"
                .formatted(option, BALANCED, gpus()));
      }
      return DeviceMap.balanced(
          IntStream.range(0, gpus()).mapToObj(Device::gpu).toArray(Device[]::new));
    }
    DeviceMap map = DeviceMap.on(main);
    for (Map.Entry<String, Optional<String>> place : places.entrySet()) {
      map = with(map, option, place.getKey(), place.getValue().orElse(""));
    }
    return map;
  }

  private static DeviceMap with(DeviceMap map, String option, String layers, String place) {
    Matcher matcher = LAYERS.matcher(layers);
    if (!matcher.matches() || place.isEmpty()) {
      throw new IllegalArgumentException(
          "%s is '%s%s', expected %s alone, or layers with their device, such as 16-31=gpu1 or 8-31=host"
              .formatted(option, layers, place.isEmpty() ? "" : "=" + place, BALANCED));
    }
    int from = Integer.parseInt(matcher.group(1));
    int to = matcher.group(2) == null ? from : Integer.parseInt(matcher.group(2));
    if (to < from) {
      throw new IllegalArgumentException(
          "%s is '%s', expected the first layer and then the last one, counted from 0"
              .formatted(option, layers));
    }
    return place.equals(HOST)
        ? map.onHost(from, to)
        : map.layers(from, to, device(option + " " + layers, place));
  }

  private static int gpus() {
    return PyTorch.engine().getGpuCount();
  }
}
