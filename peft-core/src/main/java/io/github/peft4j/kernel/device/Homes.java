package io.github.peft4j.kernel.device;

import ai.djl.Device;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;

/**
 * Where the modules of a model are. All that belongs to no layer is on the main device; each layer
 * is on one device, that one or another.
 */
public final class Homes implements AutoCloseable {

  private final Home main;
  private final Map<String, Home> layers;
  private final Set<String> onHost;

  /**
   * Creates the homes.
   *
   * @param layers by the name of the layer, such as {@code model.layers.3}, in the model's order;
   *     those that are missing are on the main device
   * @param onHost the names of layers whose weights wait on the host
   */
  public Homes(Home main, Map<String, Home> layers, Set<String> onHost) {
    this.main = main;
    this.layers = new LinkedHashMap<>(layers);
    this.onHost = Set.copyOf(onHost);
  }

  /** One device for all. */
  public static Homes on(Device device) {
    return new Homes(new Home(device), Map.of(), Set.of());
  }

  /** The device of all that belongs to no layer. */
  public Home main() {
    return main;
  }

  /**
   * The device of a module or a tensor.
   *
   * @param name such as {@code model.layers.3.mlp.up_proj.weight}
   */
  public Home of(String name) {
    if (!layers.isEmpty()) {
      for (int end = name.length(); end > 0; end = name.lastIndexOf('.', end - 1)) {
        Home home = layers.get(name.substring(0, end));
        if (home != null) {
          return home;
        }
      }
    }
    return main;
  }

  /** Whether the weights of a layer wait on the host. */
  public boolean isOnHost(String layer) {
    return onHost.contains(layer);
  }

  /** Whether all is on one device, and nothing on the host. */
  public boolean isSingle() {
    return onHost.isEmpty() && layers.values().stream().allMatch(home -> home == main);
  }

  /** All homes, the main one first. */
  public Collection<Home> all() {
    Set<Home> all = new LinkedHashSet<>();
    all.add(main);
    all.addAll(layers.values());
    return all;
  }

  /** Such as {@code gpu(0), model.layers.12 to model.layers.31 on gpu(1)}. */
  @Override
  public String toString() {
    StringJoiner text = new StringJoiner(", ").add(main.toString());
    String first = "";
    String last = "";
    String place = "";
    for (String layer : layers.keySet()) {
      if (!place(layer).equals(place)) {
        addRun(text, first, last, place);
        first = layer;
        place = place(layer);
      }
      last = layer;
    }
    addRun(text, first, last, place);
    return text.toString();
  }

  /** Where a layer is, if it is not as all that is in no layer. */
  private String place(String layer) {
    return isOnHost(layer) ? "the host" : of(layer) == main ? "" : of(layer).toString();
  }

  private static void addRun(StringJoiner text, String first, String last, String place) {
    if (!place.isEmpty()) {
      text.add(first + (first.equals(last) ? "" : " to " + last) + " on " + place);
    }
  }

  /** Frees the tensors of all. */
  @Override
  public void close() {
    all().forEach(Home::close);
  }
}
