package io.github.peft4j.cli;

import ai.djl.Device;
import io.github.peft4j.examples.bench.Optimizers;
import io.github.peft4j.examples.bench.Placement;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.step.Activations;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How long, how fast and in which portions a model learns. */
final class TrainingOptions {

  /** How the learning rate falls. */
  enum Schedule {
    LINEAR,
    COSINE,
    CONSTANT
  }

  private static final String DEVICES = "--devices";

  @Option(names = "--epochs", paramLabel = "N", description = "Passes over the data; 3 by default.")
  @Nullable Integer epochs;

  @Option(names = "--steps", paramLabel = "N", description = "Optimizer steps, instead of epochs.")
  @Nullable Long steps;

  @Option(
      names = DEVICES,
      paramLabel = "N",
      description =
          "Trains on N GPUs at once, from --device on, each with a copy of the model; 1 by default.")
  @Nullable Integer devices;

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      description =
          "Examples, or packed rows, of a forward pass, of all devices together; 8 by default.")
  @Nullable Integer batchSize;

  @Option(
      names = "--accumulate",
      paramLabel = "N",
      description = "Batches of a step; 1 by default.")
  @Nullable Integer accumulate;

  @Option(
      names = "--learning-rate",
      paramLabel = "X",
      description = "The peak of the learning rate; 2e-4 by default.")
  @Nullable Double learningRate;

  @Option(
      names = "--warmup",
      paramLabel = "X",
      description = "The part of the steps in which the rate rises, from 0 to 1; 0 by default.")
  @Nullable Double warmup;

  @Option(
      names = "--schedule",
      paramLabel = "NAME",
      description = "How the rate falls: linear (the default), cosine or constant.")
  @Nullable Schedule schedule;

  @Option(
      names = "--optimizer",
      paramLabel = "NAME",
      description =
          "adamw, adamw-8bit, whose moments take a quarter of the memory, paged-adamw, whose moments"
              + " wait in the host's memory, or paged-adamw-8bit. The method's by default, and adamw"
              + " for most.")
  @Nullable Optimizers optimizer;

  @Option(
      names = "--weight-decay",
      paramLabel = "X",
      description = "AdamW's weight decay; 0.01 by default.")
  @Nullable Double weightDecay;

  @Option(
      names = "--clip",
      paramLabel = "X",
      description = "The largest norm of the gradients, 0 for none; 1 by default.")
  @Nullable Double clip;

  @Option(
      names = "--skip-non-finite",
      paramLabel = "N",
      description = "How many steps without a finite loss are passed over; 0 by default.")
  @Nullable Integer skipNonFinite;

  @Option(names = "--packing", description = "Puts several examples into a row.")
  boolean packing;

  @Option(
      names = "--bucket-by-length",
      description = "Makes batches of examples of similar length: faster, slightly worse.")
  boolean bucketByLength;

  @Option(
      names = "--auto-batch-size",
      description = "Computes a batch in parts if the device has not enough memory for it.")
  boolean autoBatchSize;

  @Option(
      names = "--activations",
      paramLabel = "HOW",
      description =
          "What is done with the layers' results until the backward pass: kept (the default),"
              + " recomputed, which takes less memory and more time, or on-host, for long texts.")
  @Nullable Activations activations;

  @Option(
      names = "--keep-states",
      paramLabel = "MIB",
      description =
          "For methods beside the model, such as lst: how much memory keeps its states, so that it"
              + " runs once for each example.")
  @Nullable Long keepStates;

  /**
   * Gives the settings to a training.
   *
   * @param first the device of the model
   */
  void configure(FineTuner tuner, Device first) {
    Mistakes.set(DEVICES, devices, n -> tuner.on(Placement.devices(DEVICES, n, first)));
    Mistakes.set("--epochs", epochs, tuner::epochs);
    Mistakes.set("--steps", steps, tuner::steps);
    Mistakes.set("--batch-size", batchSize, tuner::batchSize);
    Mistakes.set("--accumulate", accumulate, tuner::accumulate);
    Mistakes.set("--learning-rate", learningRate, tuner::learningRate);
    Mistakes.set("--warmup", warmup, tuner::warmup);
    Mistakes.set("--weight-decay", weightDecay, tuner::weightDecay);
    Mistakes.set("--clip", clip, tuner::clip);
    Mistakes.set("--skip-non-finite", skipNonFinite, tuner::skipNonFinite);
    Mistakes.set("--keep-states", keepStates, tuner::keepStates);
    Mistakes.set("--activations", activations, tuner::activations);
    if (optimizer != null) {
      Mistakes.set("--optimizer", optimizer.settings(), tuner::optimizer);
    }
    tuner.packing(packing).bucketByLength(bucketByLength);
    tuner.autoBatchSize(autoBatchSize);
    if (schedule == Schedule.COSINE) {
      tuner.cosine();
    } else if (schedule == Schedule.CONSTANT) {
      tuner.constant();
    }
  }

  /**
   * What the library would only find after the model is loaded.
   *
   * @param where the model is to be
   */
  void check(DeviceOptions where) {
    if (devices != null) {
      Mistakes.exclude(DEVICES, true, DeviceOptions.MAP, where.map != null);
      Placement.devices(DEVICES, devices, where.main());
    }
    Mistakes.exclude("--epochs", epochs != null, "--steps", steps != null);
    Mistakes.exclude("--packing", packing, "--bucket-by-length", bucketByLength);
    Mistakes.exclude("--packing", packing, "--keep-states", keepStates != null);
  }
}
