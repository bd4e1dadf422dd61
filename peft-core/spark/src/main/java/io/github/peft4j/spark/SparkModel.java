package io.github.peft4j.spark;

import ai.djl.Device;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.hub.HubModel;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * A frozen model and its adapters, as each executor loads them:
 *
 * <pre>{@code
 * SparkModel model = SparkModel.of("/models/bert", folder -> Peft.from(folder)
 *         .task(Task.classification("no", "yes")))
 *     .adapter("news", "hdfs:///adapters/news");
 * }</pre>
 *
 * <p>Places are those of the executors: a folder that every host has, a shared file system, a name
 * on the Hugging Face hub, or a URI of Hadoop's file systems such as {@code hdfs://…} or {@code
 * s3a://…}, which is copied to the host's disk first.
 *
 * <p>The tasks of an executor share the models that have equal places, sources and adapters, also
 * if they belong to several jobs. A model is on the GPU that Spark gives its task, or on the CPU.
 */
public final class SparkModel implements Serializable {

  private static final long serialVersionUID = 1;

  private final String place;
  private final ModelSource source;
  private final LinkedHashMap<String, String> adapters;

  private SparkModel(String place, ModelSource source, Map<String, String> adapters) {
    this.place = place;
    this.source = source;
    this.adapters = new LinkedHashMap<>(adapters);
  }

  /**
   * A model for the task that its config.json names.
   *
   * @param place a folder or a GGUF file on each host, a URI of a Hadoop file system, or a name on
   *     the Hugging Face hub
   */
  public static SparkModel of(String place) {
    return of(place, Peft::from);
  }

  /**
   * A model with settings.
   *
   * @param place a folder or a GGUF file on each host, a URI of a Hadoop file system, or what the
   *     source makes a model of
   * @param source makes the loader; what it refers to is serialised
   * @throws IllegalArgumentException if the source cannot be serialised
   */
  public static SparkModel of(String place, ModelSource source) {
    Objects.requireNonNull(place, "the place of the model");
    return new SparkModel(
        place, Serialised.require("the source of the model " + place, source), Map.of());
  }

  /**
   * The same model with one more adapter.
   *
   * @param name of the adapter, for the column that says which adapter a row has
   * @param place a folder on each host, a URI of a Hadoop file system, or a name on the Hugging
   *     Face hub
   * @throws IllegalArgumentException if the name is taken or is that of no adapter
   */
  public SparkModel adapter(String name, String place) {
    Objects.requireNonNull(name, "the name of the adapter");
    Objects.requireNonNull(place, "the place of the adapter");
    if (name.equals(Composition.BASE)) {
      throw new IllegalArgumentException(
          "adapter(\"%s\", …): the name says that a row has no adapter; take another one"
              .formatted(name));
    }
    Map<String, String> more = new LinkedHashMap<>(adapters);
    if (more.put(name, place) != null) {
      throw new IllegalArgumentException("there are two adapters of the name '" + name + "'");
    }
    return new SparkModel(this.place, source, more);
  }

  /** The places of the adapters, by name. */
  Map<String, String> adapters() {
    return adapters;
  }

  /** What tells this model from others: two models of the same key are one. */
  ByteBuffer key() {
    return ByteBuffer.wrap(Serialised.bytes("the model " + place, this));
  }

  /**
   * Loads the model and its adapters. None is active.
   *
   * @param files gives the places of this host
   */
  PeftModel load(Device device, HadoopFolders files) {
    PeftModel model = source.loader(files.local(place)).device(device).load();
    try {
      adapters.forEach((name, at) -> model.loadAdapter(name, folder(name, files.local(at))));
      if (!adapters.isEmpty()) {
        model.activate();
      }
      return model;
    } catch (RuntimeException | Error e) {
      model.close();
      throw e;
    }
  }

  private static Path folder(String adapter, String place) {
    Path folder = Path.of(place);
    if (Files.isDirectory(folder)) {
      return folder;
    }
    if (folder.isAbsolute() || place.startsWith(".")) {
      throw new IllegalArgumentException(
          "the adapter '%s': this host has no folder %s; put it there, or give a URI of a shared"
                  .formatted(adapter, place)
              + " file system");
    }
    return HubModel.of(place).downloadAdapter();
  }

  @Override
  public String toString() {
    return place + (adapters.isEmpty() ? "" : " with adapters " + adapters.keySet());
  }
}
