package io.github.peft4j.transformer.checkpoint;

import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.quantization.QuantizedTensors;
import io.github.peft4j.transformer.DeviceMap;
import io.github.peft4j.transformer.family.ScoreBiasSpec;
import io.github.peft4j.transformer.family.StackSpec;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** How many bytes the layers of a model take on a device, out of the shapes in its checkpoint. */
final class LayerSizes {

  private LayerSizes() {}

  /** The parts of a model. A layer that is applied several times is there once. */
  static DeviceMap.Parts of(
      List<StackSpec> stacks,
      TensorSource tensors,
      Precision precision,
      @Nullable Quantization quantization) {
    Map<String, Integer> indices = new LinkedHashMap<>();
    for (StackSpec stack : stacks) {
      int first = indices.size();
      for (int i = 0; i < stack.sizes().layers(); i++) {
        indices.putIfAbsent(stack.prefix() + stack.layer().apply(i).name(), indices.size() - first);
      }
    }
    Set<String> others =
        stacks.stream()
            .map(StackSpec::scoreBias)
            .filter(ScoreBiasSpec.Relative.class::isInstance)
            .map(bias -> ((ScoreBiasSpec.Relative) bias).table())
            .collect(Collectors.toSet());
    List<DeviceMap.Layer> layers = new ArrayList<>();
    indices.forEach((name, index) -> layers.add(new DeviceMap.Layer(name, index, 0)));
    long rest = 0;
    for (String tensor : tensors.names()) {
      int i = others.stream().anyMatch(other -> isOf(tensor, other)) ? -1 : find(tensor, layers);
      if (i < 0) {
        rest += bytes(tensor, tensors, precision, null);
      } else {
        DeviceMap.Layer layer = layers.get(i);
        long bytes = layer.bytes() + bytes(tensor, tensors, precision, quantization);
        layers.set(i, new DeviceMap.Layer(layer.name(), layer.index(), bytes));
      }
    }
    return new DeviceMap.Parts(layers, stacks.get(0).embedding().tokens(), others, rest);
  }

  /** The index of the layer that has a tensor, or -1. */
  private static int find(String tensor, List<DeviceMap.Layer> layers) {
    for (int i = 0; i < layers.size(); i++) {
      if (isOf(tensor, layers.get(i).name())) {
        return i;
      }
    }
    return -1;
  }

  /** A checkpoint may lack the first part of a name, such as {@code model.}, or have one more. */
  private static boolean isOf(String tensor, String layer) {
    String within = layer + ".";
    String rest = within.substring(within.indexOf('.') + 1);
    boolean isLong = rest.indexOf('.') < rest.length() - 1; // more than a number
    return tensor.startsWith(within)
        || tensor.contains("." + within)
        || (isLong && tensor.startsWith(rest));
  }

  private static long bytes(
      String tensor,
      TensorSource tensors,
      Precision precision,
      @Nullable Quantization quantization) {
    TensorInfo info = tensors.info(tensor);
    if (tensors instanceof QuantizedTensors matrices && matrices.isQuantized(tensor)) {
      return info.elementCount(); // eight bits at most, but for the scales
    }
    boolean isMatrix = info.shape().length == 2;
    return quantization != null && isMatrix
        ? (long) (info.elementCount() * quantization.bitsPerNumber() / 8)
        : info.elementCount() * precision.bytes();
  }
}
