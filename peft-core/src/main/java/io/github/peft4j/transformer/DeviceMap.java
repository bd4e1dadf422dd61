package io.github.peft4j.transformer;

import static java.util.Objects.requireNonNull;

import ai.djl.Device;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.kernel.device.FreeMemory;
import io.github.peft4j.kernel.device.Home;
import io.github.peft4j.kernel.device.Homes;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

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

  /** Null for the device of the token table, which {@link #of} has by its name. */
  private final @Nullable Device main;

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
   * What a model consists of.
   *
   * @param layers of all its stacks, in order
   * @param tokens the name of the token table, such as {@code model.embed_tokens}
   * @param others names of modules that belong to no layer, though their name begins with that of
   *     one, such as T5's table of relative positions
   * @param rest the bytes of all that belongs to no layer
   */
  public record Parts(List<Layer> layers, String tokens, Set<String> others, long rest) {}

  /**
   * Where some layers are.
   *
   * @param text what the user has written
   * @param device null for the host
   * @param part tells parts of one device apart
   */
  private record Rule(Predicate<Layer> layers, String text, @Nullable Device device, int part) {

    boolean isByIndex() {
      return text.startsWith("layers ");
    }

    boolean isOnGpu() {
      return device != null && device.isGpu();
    }

    /** Whether layers wait on the host: the CPU is that beside a GPU. */
    boolean isOnHost(boolean besideGpu) {
      return device == null || (besideGpu && !device.isGpu());
    }

    String where(boolean besideGpu) {
      return isOnHost(besideGpu) ? "the host" : String.valueOf(device);
    }
  }

  private record Spot(Device device, int part, boolean onHost) {}

  /**
   * With this system property set to {@code checked}, each rule for layers on the CPU stands for a
   * device of its own, and kernels refuse tensors of two of them. It is for tests.
   */
  static final String PROPERTY = "peft4j.devices";

  private DeviceMap(@Nullable Device main, List<Rule> rules, List<Device> balanced) {
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
   * @param byPrefix such as {@code model.layers.3} or {@code model.embed_tokens}. Each layer and
   *     the token table have one. The device of the table is the main one, and all that belongs to
   *     no layer is there, too
   */
  public static DeviceMap of(Map<String, Device> byPrefix) {
    if (byPrefix.isEmpty()) {
      throw new IllegalArgumentException("of({}): expected a device for each layer");
    }
    List<Rule> rules =
        byPrefix.entrySet().stream()
            .sorted(
                Map.Entry.comparingByKey()) // so that of prefixes of one name the longest is last
            .map(
                entry ->
                    new Rule(
                        layer -> isWithin(layer.name(), entry.getKey()),
                        entry.getKey(),
                        requireNonNull(entry.getValue(), "no device for " + entry.getKey()),
                        0))
            .toList();
    return new DeviceMap(null, rules, List.of());
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
    return with("layers", from, to, device);
  }

  private DeviceMap with(String method, int from, int to, @Nullable Device device) {
    if (from < 0 || to < from) {
      throw new IllegalArgumentException(
          "%s(%d, %d): expected the first layer, counted from 0, and the last one, not before it"
              .formatted(method, from, to));
    }
    boolean isPart = isChecked() && device != null && !device.isGpu();
    Rule rule =
        new Rule(
            layer -> from <= layer.index() && layer.index() <= to,
            "layers %d to %d".formatted(from, to),
            device,
            isPart ? rules.size() + 1 : 0);
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
    return with("onHost", from, to, null);
  }

  /** Whether it names one device alone, and no layers on the host. */
  public boolean isSingle() {
    return rules.isEmpty() && balanced.isEmpty();
  }

  private static boolean isChecked() {
    return "checked".equals(System.getProperty(PROPERTY));
  }

  /** All devices that compute, in the order of the map. */
  public Set<Device> devices() {
    Set<Device> all = new LinkedHashSet<>(balanced);
    if (main != null) {
      all.add(main);
    }
    boolean besideGpu = isBesideGpu();
    for (Rule rule : rules) {
      Device device = rule.device();
      if (device != null && !rule.isOnHost(besideGpu)) {
        all.add(device);
      }
    }
    return all;
  }

  /** Whether layers on the CPU wait there for a GPU. */
  private boolean isBesideGpu() {
    return main == null ? rules.stream().anyMatch(Rule::isOnGpu) : main.isGpu();
  }

  /**
   * Makes a home on each device.
   *
   * @param what the model, for messages
   * @throws IllegalArgumentException if the map does not fit the layers, or the layers do not fit
   *     into the devices
   */
  public Homes homes(String what, Parts parts) {
    Device first = main == null ? deviceOf(what, parts.tokens()) : main;
    Map<String, Spot> spots =
        balanced.isEmpty() ? byRules(what, parts.layers(), first) : balance(what, parts);
    Map<Spot, Home> homes = new LinkedHashMap<>();
    Home home = new Home(first);
    homes.put(main(first), home);
    Map<String, Home> of = new LinkedHashMap<>();
    Set<String> onHost = new HashSet<>();
    for (Layer layer : spots.isEmpty() ? List.<Layer>of() : parts.layers()) {
      Spot spot = spots.getOrDefault(layer.name(), main(first));
      if (!spot.onHost()) {
        of.put(layer.name(), homes.computeIfAbsent(spot, s -> new Home(s.device())));
      } else {
        of.put(layer.name(), home);
        if (first.isGpu() || isChecked()) {
          onHost.add(layer.name());
        }
      }
    }
    if (!of.isEmpty()) {
      parts.others().forEach(name -> of.put(name, home));
    }
    if (isChecked()) {
      homes.values().forEach(each -> Tensors.keepApart(each.manager()));
    }
    return new Homes(home, of, onHost);
  }

  /** The device that a map by names has for a module. */
  private Device deviceOf(String what, String name) {
    Device device = null;
    for (Rule rule : rules) {
      device = isWithin(name, rule.text()) ? rule.device() : device; // the longest is the last
    }
    if (device == null) {
      throw new IllegalArgumentException(
          "%s: the map has no device for the token table %s: name it, or \"\" for all that is not named"
              .formatted(what, name));
    }
    return device;
  }

  private Map<String, Spot> byRules(String what, List<Layer> layers, Device first) {
    Map<String, Spot> spots = new LinkedHashMap<>();
    for (Layer layer : layers) {
      Rule rule = null;
      for (Rule each : rules) {
        rule = each.layers().test(layer) ? each : rule; // the last one that is for it
      }
      if (rule != null) {
        spots.put(layer.name(), spot(rule, first));
      } else if (main == null) {
        throw new IllegalArgumentException(
            "%s: the map has no device for the layer %s: name it, or \"\" for all that is not named"
                .formatted(what, layer.name()));
      }
    }
    List<Rule> elsewhere =
        rules.stream()
            .filter(rule -> layers.stream().noneMatch(rule.layers()))
            .filter(rule -> !isPartOfLayer(what, layers, rule, spots, first))
            .filter(rule -> rule.isByIndex() || !spot(rule, first).equals(main(first)))
            .toList();
    if (!elsewhere.isEmpty()) {
      throw new IllegalArgumentException(
          "%s: %s: the model has the layers %s to %s; all else is on the main device, %s: leave %s out"
              .formatted(
                  what,
                  elsewhere.stream()
                      .map(rule -> rule.text() + " on " + rule.where(first.isGpu()))
                      .collect(Collectors.joining(", ")),
                  layers.get(0).name(),
                  layers.get(layers.size() - 1).name(),
                  first,
                  elsewhere.stream().map(Rule::text).collect(Collectors.joining(", "))));
    }
    return spots;
  }

  private static Spot main(Device first) {
    return new Spot(first, 0, false);
  }

  private static Spot spot(Rule rule, Device first) {
    Device device = rule.device();
    return device == null || rule.isOnHost(first.isGpu())
        ? new Spot(first, 0, true)
        : new Spot(device, rule.part(), false);
  }

  /** Whether a rule is for a part of a layer, which has to be where the layer is. */
  private static boolean isPartOfLayer(
      String what, List<Layer> layers, Rule rule, Map<String, Spot> spots, Device first) {
    for (Layer layer : layers) {
      if (isWithin(rule.text(), layer.name())) {
        if (!spot(rule, first).equals(spots.get(layer.name()))) {
          throw new IllegalArgumentException(
              "%s: %s on %s: a layer is on one device: name %s instead"
                  .formatted(what, rule.text(), rule.where(first.isGpu()), layer.name()));
        }
        return true;
      }
    }
    return false;
  }

  private Map<String, Spot> balance(String what, Parts parts) {
    List<Layer> layers = parts.layers();
    long rest = parts.rest();
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
    boolean besideGpu = isBesideGpu();
    return Stream.concat(
            Stream.ofNullable(main).map(Device::toString),
            rules.stream()
                .map(
                    rule ->
                        "%s on %s"
                            .formatted(
                                rule.text().isEmpty() ? "all" : rule.text(),
                                rule.where(besideGpu))))
        .collect(Collectors.joining(", "));
  }
}
