package io.github.peft4j.methods.ltsft;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.PeftModel;
import io.github.peft4j.io.torch.TorchFile;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.common.sparse.SparseEntries;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TrainableCopy;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Rewrite;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads what composable-sft saves: the file {@value #FILE} of differences and of tensors that were
 * trained whole. {@code model.save} writes it as peft4j's own folder.
 *
 * <pre>{@code
 * ComposableSft.load(model, "language", Path.of("mbert-lang-sft-bxr-small"));
 * ComposableSft.load(model, "task", Path.of("mbert-task-sft-pos"));
 * model.activate("language", "task");
 * }</pre>
 */
public final class ComposableSft {

  private static final String FILE = "pytorch_diff.bin";
  private static final String DIFFS = "diffs/";
  private static final String ABS = "abs/";
  private static final Logger LOG = LoggerFactory.getLogger(ComposableSft.class);

  /** The changed entries of a tensor, in ascending order. */
  private record Entries(int[] places, float[] values) {}

  private ComposableSft() {}

  /**
   * Adds an adapter and makes it the active one. Tensors that were trained whole and that the model
   * lacks, such as the head that a language was trained with, are passed over and logged.
   *
   * @param folder with the file {@value #FILE}
   * @return the model
   * @throws IllegalArgumentException if the name is taken, the file is damaged, or its differences
   *     do not fit the model
   */
  public static PeftModel load(PeftModel model, String name, Path folder) {
    Map<String, ParameterSite> sites =
        model
            .base()
            .parameters()
            .collect(Collectors.toMap(ParameterSite::name, Function.identity()));
    Path path = folder.resolve(FILE);
    try (TorchFile file = TorchFile.openNested(path)) {
      Map<String, Entries> diffs = new LinkedHashMap<>();
      Map<String, float[]> whole = new LinkedHashMap<>();
      for (String tensor : file.names()) {
        if (tensor.startsWith(DIFFS) && tensor.endsWith("/values")) {
          String own = tensor.substring(DIFFS.length(), tensor.lastIndexOf('/'));
          Entries entries = entries(path, own, file, sites.get(own));
          if (entries.places().length > 0) {
            diffs.put(own, entries);
          }
        } else if (tensor.startsWith(ABS)) {
          String own = tensor.substring(ABS.length());
          ParameterSite site = sites.get(own);
          if (site != null && site.shape().equals(new Shape(file.info(tensor).shape()))) {
            whole.put(own, file.floats(tensor));
          } else {
            LOG.warn("{}: {} finds no place in the model, and is passed over", path, own);
          }
        } else {
          throw new IllegalArgumentException(
              path + " holds " + tensor + "; expected diffs and abs, as composable-sft saves them");
        }
      }
      return adapt(model, name, diffs, whole);
    }
  }

  private static PeftModel adapt(
      PeftModel model, String name, Map<String, Entries> diffs, Map<String, float[]> whole) {
    Map<String, Integer> counts = new LinkedHashMap<>();
    diffs.forEach((tensor, entries) -> counts.put(tensor, entries.places().length));
    List<String> modules =
        whole.keySet().stream()
            .map(tensor -> tensor.substring(0, tensor.lastIndexOf('.')))
            .distinct()
            .toList();
    model.adapt(
        name,
        LtSftConfig.defaults().entries(counts).modulesToSave(modules.isEmpty() ? null : modules));
    for (Rewrite rewrite : model.adapter(name).rewrites()) {
      String tensor = rewrite.site().name();
      if (rewrite.layer() instanceof SparseEntries layer) {
        Entries entries = requireNonNull(diffs.get(tensor));
        layer.choose(entries.places());
        set(layer.values(), entries.values());
      } else if (rewrite.layer() instanceof TrainableCopy copy && whole.containsKey(tensor)) {
        set(copy.value(), requireNonNull(whole.get(tensor)));
      }
    }
    return model;
  }

  private static void set(Trainable tensor, float... values) {
    NDArray own = tensor.value();
    try (NDArray now = own.getManager().create(values, own.getShape())) {
      Tensors.copy(own, now);
    }
  }

  /**
   * The entries of a tensor; the file counts them column by column, as steps from one to the next.
   */
  private static Entries entries(
      Path path, String tensor, TorchFile file, @Nullable ParameterSite site) {
    long[] size = file.numbers().get(DIFFS + tensor + "/size");
    long[] steps = file.numbers().get(DIFFS + tensor + "/index_steps");
    float[] values = file.floats(DIFFS + tensor + "/values");
    if (size == null || steps == null || steps.length != values.length) {
      throw new IllegalArgumentException(
          path
              + ": "
              + tensor
              + " has no size, or not as many index_steps as values: it is damaged");
    }
    if (site == null || !site.shape().equals(new Shape(size))) {
      throw new IllegalArgumentException(
          "%s: %s has shape %s, but the model has %s: it is a difference of another base model"
              .formatted(
                  path, tensor, new Shape(size), site == null ? "no such tensor" : site.shape()));
    }
    long elements = site.shape().size();
    int[] places = new int[steps.length];
    long at = 0;
    for (int i = 0; i < steps.length; i++) {
      at += steps[i];
      if (at < 0 || at >= elements) {
        throw new IllegalArgumentException(
            "%s: %s has a change at %d, beyond its %d elements: it is damaged"
                .formatted(path, tensor, at, elements));
      }
      places[i] = (int) rowMajor(at, size);
    }
    List<Integer> order = new ArrayList<>(IntStream.range(0, places.length).boxed().toList());
    order.sort(Comparator.comparingInt(i -> places[i]));
    float[] sorted = new float[values.length];
    for (int i = 0; i < sorted.length; i++) {
      sorted[i] = values[order.get(i)];
    }
    return new Entries(order.stream().mapToInt(i -> places[i]).toArray(), sorted);
  }

  private static long rowMajor(long columnMajor, long... size) {
    long left = columnMajor;
    long[] coordinates = new long[size.length];
    for (int d = 0; d < size.length; d++) {
      coordinates[d] = left % size[d];
      left /= size[d];
    }
    long place = 0;
    for (int d = 0; d < size.length; d++) {
      place = place * size[d] + coordinates[d];
    }
    return place;
  }
}
