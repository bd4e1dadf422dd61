package io.github.peft4j.examples.bench.numerics;

import ai.djl.Device;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.examples.bench.Shape;
import io.github.peft4j.examples.bench.UnsoundException;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.tuner.Trainable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * The trainings that each setting runs, and the files of their results.
 *
 * @param shapes the models
 * @param batch rows of a step
 * @param length tokens of a row
 * @param steps of each training
 */
public record Trainings(List<Shape> shapes, int batch, int length, int steps, Path folder) {

  /** Both factors are random, so that each tensor has a gradient at the first step. */
  static final LoraConfig LORA =
      LoraConfig.ofRank(16)
          .loraAlpha(32)
          .targetModules("all-linear")
          .initLoraWeights(LoraInitialization.RANDOM);

  /** So low that differences grow little, and high enough to learn something in 100 steps. */
  static double rate(Shape shape) {
    return shape.isDecoder() ? 1e-4 : 2e-5;
  }

  /** Runs the trainings of a setting, in this process. */
  public void run(Setting setting, boolean gpu) {
    for (Shape shape : shapes) {
      for (String rows : rows(setting, shape)) {
        try (PeftModel model =
            shape
                .withoutDropout()
                .loader()
                .device(gpu ? Device.gpu() : Device.cpu())
                .precision(setting.precision())
                .load()
                .adapt(LORA)) {
          if (setting.seed() != 0) {
            change(model, setting);
          }
          Trajectory.of(model, batches(shape, rows), steps, rate(shape), setting.activations())
              .write(file(setting.name(), shape, rows.equals("even")));
        } catch (UnsoundException e) {
          throw new UnsoundException(
              "%s, %s, %s rows: %s".formatted(setting.name(), shape.name(), rows, e.getMessage()));
        }
      }
    }
  }

  /** Deletes the files of all trainings. */
  public void delete(List<Setting> settings) {
    for (Setting setting : settings) {
      for (Shape shape : shapes) {
        for (boolean even : new boolean[] {true, false}) {
          try {
            Files.deleteIfExists(file(setting.name(), shape, even));
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        }
      }
    }
  }

  /** Changes each number of the adapter by a rounding, up or down at random. */
  private static void change(PeftModel model, Setting setting) {
    Random random = new Random(setting.seed());
    double by = setting.change();
    for (Trainable tensor : model.adapter(PeftModel.DEFAULT).trainables()) {
      try (Scope scope = new Scope()) {
        float[] values = Tensors.floats(tensor.value());
        for (int i = 0; i < values.length; i++) {
          values[i] = (float) (values[i] * (1 + (random.nextBoolean() ? by : -by)));
        }
        Tensors.copy(
            tensor.value(), tensor.value().getManager().create(values, tensor.value().getShape()));
      }
    }
  }

  /** The kinds of rows of a setting. Only a decoder's texts can be packed. */
  List<String> rows(Setting setting, Shape shape) {
    List<String> rows = new ArrayList<>();
    if (setting.rows() != Setting.Rows.PACKED) {
      rows.add("even");
    }
    if (setting.rows() != Setting.Rows.EVEN && shape.isDecoder()) {
      rows.add(setting.rows() == Setting.Rows.PACKED ? "packed" : "padded");
    }
    return rows;
  }

  private List<Batch> batches(Shape shape, String rows) {
    Corpus corpus = new Corpus(shape, batch, length);
    return switch (rows) {
      case "even" -> corpus.even();
      case "padded" -> corpus.padded();
      default -> corpus.packed();
    };
  }

  /** What a setting's training of a model computed. */
  Trajectory result(String setting, Shape shape, boolean even) {
    return Trajectory.read(file(setting, shape, even));
  }

  private Path file(String setting, Shape shape, boolean even) {
    return folder.resolve(
        "%s-%s-%s.trajectory".formatted(setting, shape.name(), even ? "even" : "texts"));
  }
}
