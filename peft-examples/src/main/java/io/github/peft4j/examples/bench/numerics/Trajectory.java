package io.github.peft4j.examples.bench.numerics;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.examples.bench.Environment;
import io.github.peft4j.examples.bench.Optimizers;
import io.github.peft4j.examples.bench.Training;
import io.github.peft4j.examples.bench.UnsoundException;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.tuner.training.TrainingRule;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a training computed.
 *
 * @param losses of each step
 * @param norms of all gradients together, at each step
 * @param gradients of the first step, by tensor
 * @param changes of the tensors in the whole training, by tensor
 * @param stepMillis the median time of a step
 * @param machine what it ran on
 */
record Trajectory(
    double[] losses,
    double[] norms,
    Map<String, float[]> gradients,
    Map<String, float[]> changes,
    double stepMillis,
    JsonObject machine) {

  /** Trains a model's adapter on batches, again and again, at a constant learning rate. */
  static Trajectory of(
      PeftModel model, List<Batch> batches, int steps, double rate, Activations activations) {
    double[] losses = new double[steps];
    double[] norms = new double[steps];
    List<Double> millis = new ArrayList<>();
    Map<String, float[]> gradients = Map.of();
    try (Training training =
        new Training(model, TrainingRule.ALIKE, activations, Optimizers.ADAMW, rate)) {
      Map<String, float[]> before = values(training.tensors());
      for (int i = 0; i < steps; i++) {
        long start = System.nanoTime();
        losses[i] = training.backpropagate(batches.get(i % batches.size()));
        if (i == 0) {
          gradients = values(training.gradients());
        }
        norms[i] = training.update(losses[i]);
        millis.add((System.nanoTime() - start) / 1e6);
      }
      Map<String, float[]> changes = differences(values(training.tensors()), before);
      boolean gpu = model.base().device().isGpu();
      return new Trajectory(
              losses,
              norms,
              gradients,
              changes,
              millis.stream().sorted().toList().get(steps / 2),
              new Gson().toJsonTree(Environment.facts(gpu)).getAsJsonObject())
          .checked();
    }
  }

  private static Map<String, float[]> values(Map<String, NDArray> tensors) {
    Map<String, float[]> values = new LinkedHashMap<>();
    try (Scope scope = new Scope()) {
      tensors.forEach((name, tensor) -> values.put(name, Tensors.floats(tensor)));
    }
    return values;
  }

  private static Map<String, float[]> differences(
      Map<String, float[]> after, Map<String, float[]> before) {
    Map<String, float[]> differences = new LinkedHashMap<>();
    after.forEach(
        (name, values) ->
            differences.put(name, difference(values, requireNonNull(before.get(name)))));
    return differences;
  }

  static float[] difference(float[] a, float[] b) {
    float[] difference = new float[a.length];
    for (int i = 0; i < a.length; i++) {
      difference[i] = a[i] - b[i];
    }
    return difference;
  }

  /** A comparison of trainings that learn nothing would mean nothing. */
  private Trajectory checked() {
    for (Map.Entry<String, float[]> tensor : changes.entrySet()) {
      float[] gradient = gradients.get(tensor.getKey());
      if (gradient == null || isZero(gradient) || isZero(tensor.getValue())) {
        throw new UnsoundException(tensor.getKey() + " has no gradient, or did not change");
      }
    }
    if (!(last() < first())) { // neither may be NaN
      throw new UnsoundException(
          "the loss does not fall: " + first() + ", then " + last() + "; more --steps may help");
    }
    return this;
  }

  private static boolean isZero(float... values) {
    for (float value : values) {
      if (value != 0) {
        return false;
      }
    }
    return true;
  }

  /** The mean loss of the first round through the batches. */
  double first() {
    return Arrays.stream(losses).limit(Corpus.BATCHES).average().orElse(Double.NaN);
  }

  /** The mean loss of the last round through the batches. */
  double last() {
    return Arrays.stream(losses)
        .skip(Math.max(0, losses.length - Corpus.BATCHES))
        .average()
        .orElse(Double.NaN);
  }

  /** Writes it to a file. */
  void write(Path file) {
    try (DataOutputStream out =
        new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(file)))) {
      out.writeUTF(machine.toString());
      out.writeDouble(stepMillis);
      out.writeInt(losses.length);
      for (int i = 0; i < losses.length; i++) {
        out.writeDouble(losses[i]);
        out.writeDouble(norms[i]);
      }
      write(out, gradients);
      write(out, changes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void write(DataOutputStream out, Map<String, float[]> tensors) throws IOException {
    out.writeInt(tensors.size());
    for (Map.Entry<String, float[]> tensor : tensors.entrySet()) {
      out.writeUTF(tensor.getKey());
      out.writeInt(tensor.getValue().length);
      for (float value : tensor.getValue()) {
        out.writeFloat(value);
      }
    }
  }

  /** Reads it from a file. */
  static Trajectory read(Path file) {
    try (DataInputStream in =
        new DataInputStream(new BufferedInputStream(Files.newInputStream(file)))) {
      JsonObject machine = JsonParser.parseString(in.readUTF()).getAsJsonObject();
      double stepMillis = in.readDouble();
      double[] losses = new double[in.readInt()];
      double[] norms = new double[losses.length];
      for (int i = 0; i < losses.length; i++) {
        losses[i] = in.readDouble();
        norms[i] = in.readDouble();
      }
      return new Trajectory(losses, norms, tensors(in), tensors(in), stepMillis, machine);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Map<String, float[]> tensors(DataInputStream in) throws IOException {
    Map<String, float[]> tensors = new LinkedHashMap<>();
    int count = in.readInt();
    for (int i = 0; i < count; i++) {
      String name = in.readUTF();
      float[] values = new float[in.readInt()];
      for (int j = 0; j < values.length; j++) {
        values[j] = in.readFloat();
      }
      tensors.put(name, values);
    }
    return tensors;
  }
}
