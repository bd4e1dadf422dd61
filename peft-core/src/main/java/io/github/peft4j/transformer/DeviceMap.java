package io.github.peft4j.transformer;

import static java.util.Objects.requireNonNull;

import ai.djl.Device;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.kernel.device.FreeMemory;
import io.github.peft4j.kernel.device.Home;
import io.github.peft4j.kernel.device.Homes;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Where the layers of a model are, if one device has not enough memory for all of them. A layer is
 * on one device. What belongs to no layer, such as embeddings and the head, is on the main device,
 * and so are the ids, the labels and the logits. In a pass, the hidden states go from device to
 * device, and back to the main one.
 *
 * <pre>{@code
 * DeviceMap.balanced(Device.gpu(0), Device.gpu(1))
 * DeviceMap.on(Device.gpu(0)).layers(16, 31, Device.gpu(1))
 * DeviceMap.on(Device.gpu(0)).onHost(8, 31)
 * DeviceMap.of(Map.of("model.embed_tokens", Device.gpu(0), "model.layers.0", Device.gpu(0), …))
 * }</pre>
 *
 * <p>The weights of layers on the host come to the main device for the time that they compute, the
 * next layer's while one computes. Results are those of one device.
 */
public final class DeviceMap {

  private final Device main;
  private final List<Rule> rules;
  private final List<Device> balanced;

  /**
   * A layer of a model.
   *
   * @param name such as {@code model.layers.3}
   * @param index its place in its stack, from 0
   * @param bytes of its weights, on the device
   */
  public record Layer(String name, int index, long bytes) {}

  /**
   * Where some layers are.
   *
   * @param part tells parts of one device apart
   * @param onHost whether their weights wait on the host
   */
  private record Rule(
      Predicate<Layer> layers, String text, Device device, int part, boolean onHost) {}

  private record Spot(Device device, int part, boolean onHost) {}

  /**
   * With this system property set to {@code checked}, each rule for layers on the CPU stands for a
   * device of its own, and kernels refuse tensors of two of them. It is for tests.
   */
  static final String PROPERTY = "peft4j.devices";

  private DeviceMap(Device main, List<Rule> rules, List<Device> balanced) {
    this.main = main;
    this.rules = rules;
    this.balanced = balanced;
  }

  /** All on one device. */
  public static DeviceMap on(Device main) {
    return new DeviceMap(main, List.of(), List.of());
  }

  /**
   * Layers spread by the free memory of devices, so that each is filled to the same part: the first
   * layers are on the first device, the last ones on the last. The main device is the first; its
   * embeddings, its head and the logits count. Each device keeps a part of its memory for
   * activations.
   *
   * @param devices GPUs, two or more
   */
  public static DeviceMap balanced(Device... devices) {
    List<Device> all = List.of(devices);
    if (all.size() < 2
        || Set.copyOf(all).size() < all.size()
        || !all.stream().allMatch(Device::isGpu)) {
      throw new IllegalArgumentException(
          "balanced(" + all + "): expected two or more GPUs, each once");
    }
    return new DeviceMap(all.get(0), List.of(), all);
  }

  /**
   * Devices by prefixes of names of modules, as a {@code device_map} of Hugging Face's accelerate
   * has them. The longest prefix counts, and {@code ""} is a prefix of all. Beside a GPU, the CPU
   * is the host: layers there are computed on the main device.
   *
   * @param byPrefix such as {@code model.layers.3} or {@code model.embed_tokens}. All that belongs
   *     to no layer must be on one device, the main one
   */
  public static DeviceMap of(Map<String, Device> byPrefix) {
    if (byPrefix.isEmpty()) {
      throw new IllegalArgumentException("of({}): expected a device for each layer");
    }
    Device all = byPrefix.get("");
    List<Rule> rules = new ArrayList<>();
    byPrefix.entrySet().stream()
        .sorted(Map.Entry.comparingByKey())
        .forEach(
            entry ->
                rules.add(
                    new Rule(
                        layer -> isWithin(layer.name(), entry.getKey()),
                        entry.getKey(),
                        entry.getValue(),
                        0,
                        !entry.getValue().isGpu()
                            && byPrefix.values().stream().anyMatch(Device::isGpu))));
    Device first =
        byPrefix.entrySet().stream()
            .filter(entry -> !entry.getKey().matches(".*\\.\\d+(\\..*)?"))
            .map(Map.Entry::getValue)
            .findFirst()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "of(%s): the token table has no device: name it, such as model.embed_tokens, or \"\" for all that is not named"
                            .formatted(byPrefix)));
    return new DeviceMap(all == null ? first : all, List.copyOf(rules), List.of());
  }

  private static boolean isWithin(String name, String prefix) {
    return prefix.isEmpty() || name.equals(prefix) || name.startsWith(prefix + ".");
  }

  /**
   * A copy with some layers of each stack on a device. Of rules for the same layer, the last one
   * counts.
   *
   * @param from the first layer, counted from 0
   * @param to the last layer, which is included
   * @throws IllegalArgumentException if there are no such layers; a layer that the model has not is
   *     found when it is loaded
   */
  public DeviceMap layers(int from, int to, Device device) {
    return with("layers", from, to, device, main.isGpu() && !device.isGpu());
  }

  private DeviceMap with(String method, int from, int to, Device device, boolean onHost) {
    if (from < 0 || to < from) {
      throw new IllegalArgumentException(
          "%s(%d, %d): expected the first layer, counted from 0, and the last one, not before it"
              .formatted(method, from, to));
    }
    Rule rule =
        new Rule(
            layer -> from <= layer.index() && layer.index() <= to,
            "layers %d to %d".formatted(from, to),
            device,
            isChecked() && !main.isGpu() && !onHost ? rules.size() + 1 : 0,
            onHost);
    return new DeviceMap(main, Stream.concat(rules.stream(), Stream.of(rule)).toList(), balanced);
  }

  /**
   * A copy with some layers of each stack on the host. If the main device is the CPU, they are
   * there anyway.
   *
   * @param from the first layer, counted from 0
   * @param to the last layer, which is included
   * @throws IllegalArgumentException as {@link #layers} does
   */
  public DeviceMap onHost(int from, int to) {
    return with("onHost", from, to, main, true);
  }

  /** The device of all that belongs to no layer. */
  public Device main() {
    return main;
  }

  /** Whether it names one device alone, and no layers on the host. */
  public boolean isSingle() {
    return rules.isEmpty() && balanced.isEmpty();
  }

  private static boolean isChecked() {
    return "checked".equals(System.getProperty(PROPERTY));
  }

  /** All devices that compute, the main one first. */
  public Set<Device> devices() {
    Set<Device> all = new LinkedHashSet<>(List.of(main));
    all.addAll(balanced);
    rules.stream().filter(rule -> !rule.onHost()).map(Rule::device).forEach(all::add);
    return all;
  }

  /**
   * Makes a home on each device.
   *
   * @param what the model, for messages
   * @param layers of all its stacks, in order
   * @param rest the bytes of what belongs to no layer
   * @throws IllegalArgumentException if the map does not fit the layers, or the layers do not fit
   *     into the devices
   */
  public Homes homes(String what, List<Layer> layers, long rest) {
    Map<String, Spot> spots =
        balanced.isEmpty() ? byRules(what, layers) : balance(what, layers, rest);
    Map<Spot, Home> homes = new LinkedHashMap<>();
    Home first = new Home(main);
    homes.put(new Spot(main, 0, false), first);
    Map<String, Home> of = new LinkedHashMap<>();
    Set<String> onHost = new HashSet<>();
    for (Layer layer : spots.isEmpty() ? List.<Layer>of() : layers) {
      Spot spot = spots.getOrDefault(layer.name(), new Spot(main, 0, false));
      if (!spot.onHost()) {
        of.put(layer.name(), homes.computeIfAbsent(spot, s -> new Home(s.device())));
      } else {
        of.put(layer.name(), first);
        if (main.isGpu() || isChecked()) {
          onHost.add(layer.name());
        }
      }
    }
    if (isChecked()) {
      homes.values().forEach(home -> Tensors.keepApart(home.manager()));
    }
    return new Homes(first, of, onHost);
  }

  private Map<String, Spot> byRules(String what, List<Layer> layers) {
    Map<String, Spot> spots = new LinkedHashMap<>();
    for (Layer layer : layers) {
      Rule rule = null;
      for (Rule each : rules) {
        rule = each.layers().test(layer) ? each : rule; // the last one that is for it
      }
      if (rule != null) {
        spots.put(layer.name(), new Spot(rule.device(), rule.part(), rule.onHost()));
      }
    }
    for (Rule rule : rules) {
      if (layers.stream().noneMatch(rule.layers())) {
        requireMain(what, layers, rule);
      }
    }
    return spots;
  }

  /** What belongs to no layer has to be on the main device. */
  private void requireMain(String what, List<Layer> layers, Rule rule) {
    String names = layers.get(0).name() + " to " + layers.get(layers.size() - 1).name();
    if (!rule.device().equals(main) || rule.text().startsWith("layers ")) {
      throw new IllegalArgumentException(
          "%s: %s on %s: the model has the layers %s, each on one device; all else is on the main device, %s"
              .formatted(what, rule.text(), rule.device(), names, main));
    }
  }

  private Map<String, Spot> balance(String what, List<Layer> layers, long rest) {
    long[] free = balanced.stream().mapToLong(FreeMemory::of).toArray();
    int[] device = Balance.of(layers.stream().mapToLong(Layer::bytes).toArray(), rest, free);
    if (device == null) {
      throw new IllegalArgumentException(
          "%s: the weights take %.1f GiB, and %s have %s free, of which a part is kept for activations: take more devices, quantize(…), or DeviceMap.on(…).onHost(…)"
              .formatted(
                  what,
                  gib(rest + layers.stream().mapToLong(Layer::bytes).sum()),
                  balanced,
                  IntStream.range(0, free.length)
                      .mapToObj(i -> "%.1f GiB".formatted(gib(free[i])))
                      .toList()));
    }
    Map<String, Spot> spots = new LinkedHashMap<>();
    for (int i = 0; i < device.length; i++) {
      spots.putIfAbsent(
          layers.get(i).name(), new Spot(requireNonNull(balanced.get(device[i])), 0, false));
    }
    return spots;
  }

  private static double gib(long bytes) {
    return bytes / (double) (1L << 30);
  }

  /** Says all that the placement depends on. */
  @Override
  public String toString() {
    if (!balanced.isEmpty()) {
      return "balanced over " + balanced;
    }
    StringBuilder text = new StringBuilder(main.toString());
    rules.forEach(
        rule ->
            text.append(", ")
                .append(rule.text())
                .append(" on ")
                .append(rule.onHost() ? "the host" : rule.device()));
    return text.toString();
  }
}
