package io.github.peft4j.train.optimizer;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.kernel.cuda.CompiledText;
import io.github.peft4j.kernel.cuda.CudaText;
import io.github.peft4j.quantization.bitsandbytes.DynamicMap;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.training.ParameterGroup;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.assertj.core.data.Offset;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Moments of 8 bits and moments on the host. It runs on a GPU, if there is one. The values of
 * bitsandbytes come from make_states.py.
 */
class EightBitMomentsTest {

  private static final double RATE = 0.05;
  private static final double DECAY = 0.1;
  private static final AdamW.Settings SETTINGS = new AdamW.Settings(0.9, 0.99, 1e-7);
  private static final int STEPS = 4;

  private final Device device = NDManager.newBaseManager().getDevice();
  private final NDManager manager = Tensors.newManager(device);
  private final Layer layer = new Layer();
  private TensorSource golden;

  private static final class Layer extends TunerLayer<NDArray, NDArray> {

    Trainable tensor(String key, NDArray value) {
      return trainable(key, value);
    }

    Trainable viewOf(String key, NDArray value) {
      return view(key, value);
    }

    @Override
    public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) {
      return base.forward(x);
    }
  }

  @BeforeEach
  void open() throws URISyntaxException {
    golden =
        Safetensors.open(
            Path.of(
                requireNonNull(getClass().getResource("/optimizer-states/adamw_8bit.safetensors"))
                    .toURI()));
  }

  @AfterEach
  void close() {
    golden.close();
    manager.close();
  }

  @Test
  void mapsAreThoseOfBitsandbytes() {
    assertThat(DynamicMap.values(true)).containsExactly(golden.floats("signed"));
    assertThat(DynamicMap.values(false)).containsExactly(golden.floats("unsigned"));
  }

  /** Below a middle, at it and above it, and of all upper halves of floats. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void startsAreAtMostOneMiddleAway(boolean signed) {
    float[] middles = DynamicMap.middles(DynamicMap.values(signed));
    byte[] starts = DynamicMap.starts(middles);
    List<Float> numbers = new ArrayList<>();
    for (float middle : Arrays.copyOf(middles, 255)) {
      numbers.addAll(List.of(Math.nextDown(middle), middle, Math.nextUp(middle)));
    }
    for (int i = 0; i < 1 << 16; i++) {
      numbers.add(Float.intBitsToFloat(i << 16));
      numbers.add(Float.intBitsToFloat(i << 16 | 0xffff));
    }
    for (float x : numbers) {
      if (!Float.isNaN(x)) {
        int start = Byte.toUnsignedInt(starts[(Float.floatToRawIntBits(x) >> 16) + (1 << 15)]);
        int below = 0;
        while (below < 255 && middles[below] < x) {
          below++;
        }
        assertThat(start + (x > middles[start] ? 1 : 0)).as("%s", x).isEqualTo(below);
      }
    }
  }

  /** Two tensors, of three blocks and of two and a part. */
  private Map<Trainable, ParameterGroup> tensors() {
    Map<Trainable, ParameterGroup> groups = new LinkedHashMap<>();
    for (String name : List.of("whole", "rest")) {
      float[] start = golden.floats(name + ".start");
      Shape shape = new Shape(golden.info(name + ".start").shape());
      groups.put(layer.tensor(name, manager.create(start, shape)), new ParameterGroup(RATE, DECAY));
    }
    return groups;
  }

  private static void setGradient(Trainable tensor, float[] values) {
    tensor.clearGradient();
    NDManager manager = tensor.value().getManager();
    try (NDArray gradient = manager.create(values, tensor.value().getShape())) {
      NDArray copy = Autograd.record(true, () -> tensor.value().mul(1));
      Autograd.backward(copy, gradient);
    }
  }

  private void step(Optimizer optimizer, Iterable<Trainable> tensors, int step) {
    for (Trainable tensor : tensors) {
      setGradient(tensor, golden.floats(tensor.key() + ".gradient." + step));
    }
    optimizer.update(RATE);
  }

  private static @Nullable Paging paging(boolean paged, long page) {
    return paged ? new Paging(new HashMap<>(), 1, page) : null;
  }

  /** Codes and largest amounts are bitsandbytes'; parameters too, up to rounding. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void updatesAreThoseOfBitsandbytes(boolean paged) {
    Map<Trainable, ParameterGroup> tensors = tensors();
    long launches = CudaText.launches();
    int others = 0;
    try (Optimizer optimizer = new AdamW(SETTINGS.eightBit(256), tensors, RATE, paging(paged, 1))) {
      for (int step = 0; step < STEPS; step++) {
        step(optimizer, tensors.keySet(), step);
        for (Trainable tensor : tensors.keySet()) {
          String name = tensor.key();
          assertClose(
              Tensors.floats(tensor.value()), golden.floats(name + ".parameter." + step), 2e-6);
          Map<String, NDArray> moments = optimizer.moments(tensor);
          for (int i = 1; i <= 2; i++) {
            NDArray absmax = requireNonNull(moments.get("absmax" + i));
            assertClose(
                Tensors.floats(absmax),
                golden.floats(name + ".absmax" + i + "." + step),
                device.isGpu() ? 2e-7 : 0);
            others += differences(moments, name, i, step);
          }
        }
      }
    }
    assertThat(CudaText.launches() - launches)
        .as("launches: a page for each tensor, or one for both")
        .isEqualTo(!CudaText.isAvailable() ? 0 : paged ? 2 * STEPS : STEPS);
    assertThat(others)
        .as("codes that differ, of numbers between two of them: none on a CPU")
        .isLessThan(device.isGpu() ? 4 : 1);
  }

  /** Codes that are not the golden one's, but its neighbour. */
  private int differences(Map<String, NDArray> moments, String name, int i, int step) {
    long[] expected = golden.longs(name + ".state" + i + "." + step);
    float[] codes = Tensors.floats(requireNonNull(moments.get("state" + i)));
    int others = 0;
    for (int j = 0; j < expected.length; j++) {
      assertThat(Math.abs(codes[j] - expected[j])).as("%s %d [%d]", name, i, j).isLessThan(2);
      others += codes[j] == expected[j] ? 0 : 1;
    }
    return others;
  }

  private static void assertClose(float[] values, float[] expected, double relative) {
    assertThat(values).hasSameSizeAs(expected);
    for (int i = 0; i < values.length; i++) {
      assertThat(Math.abs(values[i] - expected[i]))
          .as("[%d]: %s, expected %s", i, values[i], expected[i])
          .isLessThanOrEqualTo((float) (relative * Math.max(1, Math.abs(expected[i]))));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {80, 90})
  void theCudaTextCompiles(int capability) {
    byte[] program =
        CompiledText.of(EightBitText.TEXT, capability, "whole", "float", "float", "float", "float");
    assertThat(new String(program, StandardCharsets.ISO_8859_1)).contains("ELF", "update");
  }

  /** Paging changes no bit, whatever the size of its pages. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void pagedMomentsAreTheSame(boolean eightBit) {
    AdamW.Settings settings = eightBit ? SETTINGS.eightBit(256) : SETTINGS;
    List<List<Float>> runs = new ArrayList<>();
    for (long page : new long[] {0, 1, 3000, 1 << 20}) {
      Map<Trainable, ParameterGroup> tensors = tensors();
      List<Float> values = new ArrayList<>();
      try (Optimizer optimizer = new AdamW(settings, tensors, RATE, paging(page > 0, page))) {
        for (int step = 0; step < STEPS; step++) {
          step(optimizer, tensors.keySet(), step);
        }
        tensors.keySet().forEach(tensor -> addAll(values, tensor.value()));
        optimizer.state().values().forEach(array -> addAll(values, array));
        boolean onHost =
            optimizer.state().values().stream().noneMatch(array -> array.getDevice().isGpu());
        assertThat(onHost).isEqualTo(page > 0 || !device.isGpu());
      }
      runs.add(values);
    }
    assertThat(runs.subList(1, runs.size())).allMatch(runs.get(0)::equals);
  }

  private static void addAll(List<Float> values, NDArray array) {
    for (float value : Tensors.floats(array)) {
      values.add(value);
    }
  }

  /** A tensor that is a transposed view of another's memory is updated in its own order. */
  @Test
  void viewsAreUpdatedInPlace() {
    float[] start = golden.floats("whole.start");
    NDArray turned = manager.create(transposed(start, 24, 32), new Shape(32, 24));
    NDArray view =
        Kernel.of("def turn(x: Tensor) -> Tensor:\n    return torch.t(x)\n").call(turned);
    Trainable tensor = layer.viewOf("whole", view);
    Map<Trainable, ParameterGroup> groups = Map.of(tensor, new ParameterGroup(RATE, DECAY));
    try (Optimizer optimizer = new AdamW(SETTINGS.eightBit(256), groups, RATE, null)) {
      step(optimizer, groups.keySet(), 0);
    }
    float[] expected = golden.floats("whole.parameter.0");
    assertClose(Tensors.floats(tensor.value()), expected, 2e-6);
    assertClose(Tensors.floats(turned), transposed(expected, 24, 32), 2e-6);
  }

  private static float[] transposed(float[] values, int rows, int columns) {
    float[] turned = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      turned[i % columns * rows + i / columns] = values[i];
    }
    return turned;
  }

  /** Chunks of blocks are one tensor: the last block is a part, and one before it is zero. */
  @Test
  void largeTensorsAreComputedInChunks() {
    int size = (1 << 22) + 3 * 256 + 5;
    float[] start = new float[size];
    float[] gradient = new float[size];
    Random random = new Random(1);
    for (int i = 0; i < size; i++) {
      start[i] = (float) random.nextGaussian();
      gradient[i] = (float) random.nextGaussian();
    }
    Arrays.fill(gradient, 1 << 22, (1 << 22) + 256, 0);
    Trainable tensor = layer.tensor("large", manager.create(start));
    Map<Trainable, ParameterGroup> groups = Map.of(tensor, new ParameterGroup(RATE, 0));
    try (Optimizer optimizer = new AdamW(SETTINGS.eightBit(256), groups, RATE, null)) {
      setGradient(tensor, gradient);
      optimizer.update(RATE);
      float[] values = Tensors.floats(tensor.value());
      for (int i = 0; i < size; i++) { // the first step of Adam is the rate along the sign
        double expected = start[i] - RATE * gradient[i] / (Math.abs(gradient[i]) + 1e-7);
        assertThat((double) values[i]).isCloseTo(expected, Offset.offset(2e-6));
      }
      float[] largest = Tensors.floats(requireNonNull(optimizer.moments(tensor).get("absmax1")));
      assertThat(largest[1 << 14]).isZero();
      assertThat(largest).hasSize((1 << 14) + 4);
    }
  }

  /** A parameter's moments take 2 bytes and a 32nd in place of 8; small tensors keep theirs. */
  @Test
  void bytesOfMoments() {
    Trainable large = layer.tensor("large", manager.zeros(new Shape(512, 64)));
    Trainable small = layer.tensor("small", manager.zeros(new Shape(63, 65)));
    Map<Trainable, ParameterGroup> groups = new LinkedHashMap<>();
    groups.put(large, new ParameterGroup(RATE, 0));
    groups.put(small, new ParameterGroup(RATE, 0));
    try (Optimizer plain = SETTINGS.of(groups, RATE);
        Optimizer eight = SETTINGS.eightBit().of(groups, RATE)) {
      assertThat(bytes(plain.moments(large))).isEqualTo(8 * 512 * 64 + 4);
      assertThat(bytes(eight.moments(large))).isEqualTo((2 + 1 / 32.0) * 512 * 64 + 4);
      assertThat(bytes(eight.moments(small))).isEqualTo(8 * 63 * 65 + 4);
    }
    Trainable wide = layer.tensor("wide", manager.zeros(new Shape(512, 64), DataType.FLOAT64));
    try (Optimizer eight =
        SETTINGS.eightBit().of(Map.of(wide, new ParameterGroup(RATE, 0)), RATE)) {
      assertThat(eight.moments(wide)).containsKey("exp_avg");
    }
  }

  private static double bytes(Map<String, NDArray> slot) {
    return slot.values().stream()
        .mapToLong(array -> array.size() * array.getDataType().getNumOfBytes())
        .sum();
  }

  /** A state of zeros is that of a new optimizer, as methods that forget rely on. */
  @Test
  void aStateOfZerosIsNew() {
    Map<Trainable, ParameterGroup> tensors = tensors();
    try (Optimizer optimizer = new AdamW(SETTINGS.eightBit(256), tensors, RATE, null)) {
      step(optimizer, tensors.keySet(), 1);
      optimizer.state().values().forEach(array -> array.muli(0));
      for (Trainable tensor : tensors.keySet()) {
        try (NDArray start = manager.create(golden.floats(tensor.key() + ".start"))) {
          Tensors.copy(tensor.value(), start.reshape(tensor.value().getShape()));
        }
      }
      step(optimizer, tensors.keySet(), 0);
      for (Trainable tensor : tensors.keySet()) {
        assertClose(
            Tensors.floats(tensor.value()), golden.floats(tensor.key() + ".parameter.0"), 2e-6);
      }
    }
  }

  @Test
  void settingsSayWhatResultsDependOn() {
    assertThat(AdamW.DEFAULT).hasToString("AdamW with beta1 0.9, beta2 0.999, epsilon 1.0E-8");
    assertThat(AdamW.DEFAULT.paged()).hasToString(AdamW.DEFAULT.toString());
    assertThat(AdamW.DEFAULT.paged().eightBit().isPaged()).isTrue();
    assertThat(AdamW.DEFAULT.eightBit().paged())
        .isEqualTo(AdamW.DEFAULT.paged().eightBit(4096))
        .hasToString(AdamW.DEFAULT + ", moments of 8 bits from 4096 elements on");
    assertThatThrownBy(() -> AdamW.DEFAULT.eightBit(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("eightBit(0): expected 1 element or more");
  }
}
