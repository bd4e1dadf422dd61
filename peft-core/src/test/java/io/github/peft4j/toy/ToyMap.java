package io.github.peft4j.toy;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.site.ActiveAdapters;
import io.github.peft4j.tuner.site.AdapterLayers;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.List;
import java.util.Map;

/** One linear map from two numbers to three, y = [[1, 2], [3, 4], [5, 6]] x, as a site. */
public final class ToyMap implements AutoCloseable {

  private final NDManager manager = Tensors.newManager(Device.cpu());
  private final ParameterSite weight;
  private final LinearSite site;
  private int runs;

  /** A map of this name that is called as queries are. */
  public ToyMap(String name) {
    this(name, LinearSite.Role.QUERY);
  }

  /** A map of this name. */
  public ToyMap(String name, LinearSite.Role role) {
    weight = new ParameterSite(name + ".weight", array(new Shape(3, 2), 1, 2, 3, 4, 5, 6));
    site =
        new LinearSite(
            name,
            role,
            weight,
            null,
            false,
            (x, context) -> {
              runs++;
              return x.matMul(weight.value(context).transpose());
            });
  }

  /** The map. */
  public LinearSite site() {
    return site;
  }

  /** The map's weight. */
  public ParameterSite weight() {
    return weight;
  }

  /** How many times the frozen map was computed. */
  public int runs() {
    return runs;
  }

  /** An array that lives as long as this. */
  public NDArray array(Shape shape, float... values) {
    return manager.create(values, shape);
  }

  /** A layer y = scale W x + shift Σx. */
  public ToyLayer layer(float scale, float shift) {
    return new ToyLayer(array(new Shape(1), scale), array(new Shape(1), shift));
  }

  /** An adapter that has this layer at the map, and nothing else. */
  public AdapterLayers adapter(float scale, float shift) {
    AdapterLayers layers = new AdapterLayers();
    layers.put(site, layer(scale, shift));
    return layers;
  }

  /** The outputs of rows of two numbers, one after the other. */
  public float[] compute(
      Composition composition, Map<String, AdapterLayers> adapters, float... rows) {
    return compute(ActiveAdapters.of(composition, adapters, List.of(weight, site)), rows);
  }

  /** The outputs of rows of two numbers, one after the other. */
  public float[] compute(ActiveAdapters adapters, float... rows) {
    NDArray x = array(new Shape(rows.length / 2, 2), rows);
    return Tensors.floats(site.forward(x, new ToyPass(adapters)));
  }

  @Override
  public void close() {
    weight.close();
    manager.close();
  }
}
