package io.github.peft4j.transformer.checkpoint;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.io.TensorHash;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.kernel.device.Homes;
import io.github.peft4j.kernel.host.StreamedWeights;
import io.github.peft4j.quantization.FrozenMatrix;
import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.quantization.QuantizedTensors;
import io.github.peft4j.transformer.block.Embedding;
import io.github.peft4j.transformer.block.Linear;
import io.github.peft4j.transformer.block.Norm;
import io.github.peft4j.transformer.family.NormSpec;
import io.github.peft4j.tuner.site.LinearSite.Role;
import io.github.peft4j.tuner.site.ParameterSite.Part;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * Provides the tensors of a checkpoint to blocks and checks their shapes. All tensors that are
 * missing, left over or of the wrong shape are reported together at the end.
 */
final class Checkpoint implements Weights {

  private static final Logger LOG = LoggerFactory.getLogger(Checkpoint.class);

  private static final long LARGEST_PLACEHOLDER = 1 << 24;
  private static final int MOST_PROBLEMS = 100;

  /** The maps of a layer; those of heads and embeddings are more sensitive to rounding. */
  private static final Set<Role> IN_LAYERS =
      EnumSet.of(
          Role.QUERY,
          Role.KEY,
          Role.VALUE,
          Role.QUERY_KEY_VALUE,
          Role.ATTENTION_OUTPUT,
          Role.GATE,
          Role.UP,
          Role.DOWN);

  private final String what;
  private final TensorSource source;
  private final @Nullable QuantizedTensors stored;
  private final Loaders loaders;
  private final String root;
  private final List<String> otherRoots;
  private final Map<String, String> older = new HashMap<>();
  private final Random random;
  private final double initializerRange;
  private final @Nullable Quantization quantization;
  private final Set<String> used = new TreeSet<>();
  private final List<String> problems = new ArrayList<>();
  private final List<String> initialised = new ArrayList<>();
  private final List<String> notQuantized = new ArrayList<>();

  /** Matrices in fewer bits that became plain numbers. */
  private final List<String> dense = new ArrayList<>();

  /** The number of maps whose weight stays as it is stored, in fewer bits. */
  private final Map<String, Integer> kept = new TreeMap<>();

  private int quantized;

  /**
   * Opens a checkpoint for a family.
   *
   * @param what the name of the model in errors
   * @param root the prefix of the body's names in the model, such as {@code "bert."}; empty for
   *     none
   * @param usualRoot the prefix in most of the family's classes. Tensors may have either of them or
   *     none, whatever their own is
   * @param seed of the initial tensors of a new head
   * @param quantization how the weights of the layers' linear maps are kept; null for as they are
   */
  Checkpoint(
      String what,
      TensorSource source,
      Loaders loaders,
      String root,
      String usualRoot,
      double initializerRange,
      long seed,
      @Nullable Quantization quantization) {
    this.what = what;
    this.source = source;
    this.stored = source instanceof QuantizedTensors matrices ? matrices : null;
    this.loaders = loaders;
    this.root = root;
    this.otherRoots = List.of(usualRoot, "");
    this.random = new Random(seed);
    this.initializerRange = initializerRange;
    this.quantization = quantization;
  }

  /**
   * The name in the file: the tensor's own, or one that transformers accepts too. That one has
   * another root, or a root where the tensor has none.
   */
  private String stored(String name) {
    String known = older.getOrDefault(name, name);
    Stream<String> others =
        known.startsWith(root)
            ? otherRoots.stream().map(other -> other + known.substring(root.length()))
            : Stream.of(root + known);
    return Stream.concat(Stream.of(known), others)
        .filter(source.names()::contains)
        .findFirst()
        .orElse(known);
  }

  /** Reads a module's tensors under the name that it has in this checkpoint. */
  void renamed(String module, String stored) {
    for (String tensor : List.of(".weight", ".bias")) {
      older.put(module + tensor, stored + tensor);
    }
  }

  /** The device of each module. */
  Homes homes() {
    return loaders.homes();
  }

  /** Streams the weights of layers on the host to the main device. */
  StreamedWeights streamed() {
    return loaders.streamed();
  }

  boolean has(String name) {
    return source.names().contains(stored(name));
  }

  /** Whether two tensors of the checkpoint are equal, byte for byte. */
  boolean areSame(String name, String other) {
    return has(name)
        && has(other)
        && !isQuantized(name)
        && !isQuantized(other)
        && TensorHash.of(source, stored(name)).equals(TensorHash.of(source, stored(other)));
  }

  /** Whether a tensor of the checkpoint is a matrix in fewer bits. */
  private boolean isQuantized(String name) {
    return stored != null && stored.isQuantized(stored(name));
  }

  /** A required tensor of this shape. */
  @Override
  public NDArray tensor(String name, long... shape) {
    return fits(name, shape) ? load(name) : placeholder(shape);
  }

  /** A tensor as plain numbers. */
  private NDArray load(String name) {
    QuantizedTensors matrices = stored;
    if (matrices == null || !matrices.isQuantized(stored(name))) {
      return loaders.of(name).load(source, stored(name));
    }
    dense.add(name);
    try (Scope scope = new Scope();
        FrozenMatrix matrix = matrices.matrix(stored(name), false, loaders.of(name))) {
      return Scope.release(matrix.dense());
    }
  }

  /**
   * A required tensor that a checkpoint stores in parts, or else as a whole under its own name. The
   * parts are loaded one by one.
   */
  @Override
  public NDArray tensor(String name, List<Part> parts, long... shape) {
    if (quantization != null) {
      notQuantized.add(name);
    }
    if (has(name)) {
      return tensor(name, shape);
    }
    if (parts.stream().filter(part -> !fits(part.name(), part.shape().getShape())).count() > 0) {
      return placeholder(shape);
    }
    NDManager manager = loaders.of(name).manager();
    NDArray whole = Scope.release(Tensors.zeros(manager, loaders.precision(), shape));
    for (Part part : parts) {
      try (NDArray loaded = load(part.name());
          NDArray place = Tensors.part(whole, part.offset(), part.shape())) {
        Tensors.copy(place, loaded);
      }
    }
    return whole;
  }

  @Override
  public Linear linear(
      String name, Role role, long in, long out, boolean bias, boolean transposed) {
    String weight = name + ".weight";
    QuantizedTensors matrices = stored;
    if (matrices != null && matrices.isQuantized(stored(weight)) && fits(weight, out, in)) {
      FrozenMatrix matrix = matrices.matrix(stored(weight), transposed, loaders.of(weight));
      kept.merge(matrix.quantization().named(), 1, Integer::sum);
      NDArray shift = bias ? tensor(name + ".bias", out) : null;
      return new Linear(name, role, matrix, shift, transposed);
    }
    Linear linear = Weights.super.linear(name, role, in, out, bias, transposed);
    Quantization fewer = quantization;
    if (fewer != null && IN_LAYERS.contains(role)) {
      if (fewer.fits(linear.site().weight().shape())) {
        quantize(linear, fewer);
        quantized++;
      } else {
        notQuantized.add(name);
      }
    }
    return linear;
  }

  private void quantize(Linear linear, Quantization fewer) {
    try {
      linear.quantize(fewer, loaders.precision());
    } catch (IllegalArgumentException e) {
      String name = stored(linear.site().weight().name());
      throw new IllegalArgumentException(what + ": " + name + ": " + e.getMessage(), e);
    }
  }

  /** Whether there is a tensor of this name and shape. If not, that is a problem. */
  private boolean fits(String name, long... shape) {
    String stored = stored(name);
    used.add(stored);
    if (!source.names().contains(stored)) {
      problems.add("missing " + stored + " " + Arrays.toString(shape));
      return false;
    }
    long[] found = source.info(stored).shape();
    if (!Arrays.equals(found, shape)) {
      problems.add(
          "misshapen "
              + stored
              + ": "
              + Arrays.toString(found)
              + ", expected "
              + Arrays.toString(shape));
      return false;
    }
    return true;
  }

  /** A placeholder for a wrong tensor, so that loading continues and finds other wrong ones. */
  private NDArray placeholder(long... shape) {
    long elements = new Shape(shape).size();
    if (elements > LARGEST_PLACEHOLDER || problems.size() > MOST_PROBLEMS) {
      finish(true);
    }
    return loaders.main().create(new float[(int) elements], new Shape(shape));
  }

  /**
   * A linear map of a task head. If the checkpoint lacks it, it is initialized as in transformers:
   * weights are normally distributed with standard deviation {@code initializer_range}, biases are
   * 0.
   */
  Linear head(String name, Role role, long in, long out, boolean withBias) {
    return has(name + ".weight")
        ? linear(name, role, in, out, has(name + ".bias"), false)
        : newHead(name, role, in, out, withBias);
  }

  /** The number of outputs of a linear map in the checkpoint, which has it. */
  long outputs(String name) {
    long[] shape = source.info(stored(name + ".weight")).shape();
    return shape.length == 0 ? 0 : shape[0];
  }

  /** A new linear map of a task head, whatever the checkpoint has. */
  Linear newHead(String name, Role role, long in, long out, boolean withBias) {
    ignore(name + ".weight");
    ignore(name + ".bias");
    initialised.add(name);
    float[] weight = new float[(int) (in * out)];
    for (int i = 0; i < weight.length; i++) {
      weight[i] = (float) (random.nextGaussian() * initializerRange);
    }
    return new Linear(
        name,
        role,
        loaders.main().create(weight, new Shape(out, in)),
        withBias ? loaders.main().create(new float[(int) out], new Shape(out)) : null,
        false);
  }

  /** A tensor of a task head: that of the checkpoint, or else one filled with a value. */
  NDArray headTensor(String name, float value, long... shape) {
    if (has(name)) {
      return tensor(name, shape);
    }
    initialised.add(name);
    float[] values = new float[(int) new Shape(shape).size()];
    Arrays.fill(values, value);
    return loaders.main().create(values, new Shape(shape));
  }

  /** A norm of a task head. If the checkpoint lacks it, it starts with weight 1 and bias 0. */
  Norm headNorm(String name, long dimension, NormSpec spec) {
    return new Norm(
        name,
        spec.kind(),
        headTensor(name + ".weight", 1, dimension),
        spec.bias() ? headTensor(name + ".bias", 0, dimension) : null,
        spec.epsilon());
  }

  Embedding embedding(String name, long entries, long dimension) {
    return new Embedding(name, tensor(name + ".weight", entries, dimension));
  }

  /** Marks a tensor of the checkpoint as not needed by this model. */
  void ignore(String name) {
    used.add(stored(name));
  }

  /**
   * Ends the loading.
   *
   * @param chosen whether the caller chose the task, so that a new head is no surprise
   * @throws IllegalArgumentException if tensors are missing or of the wrong shape; the message
   *     lists them, and those left over, since one of these may be misnamed
   */
  void finish(boolean chosen) {
    Set<String> unexpected = new TreeSet<>(source.names());
    unexpected.removeAll(used);
    unexpected.removeIf(
        name ->
            name.endsWith("position_ids")
                || name.endsWith("rotary_emb.inv_freq")
                || name.startsWith("cls.")
                || name.startsWith("lm_head.")
                || name.endsWith(".attn.bias")
                || name.endsWith(".attn.masked_bias")
                || name.contains("pooler."));
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(
          what
              + ": the weights do not fit config.json:\n  "
              + String.join("\n  ", head(problems, 40))
              + (unexpected.isEmpty()
                  ? ""
                  : "\n  unexpected " + String.join(", ", head(unexpected, 20)))
              + "\nCheck that config.json and the weights belong to the same model.");
    }
    if (!unexpected.isEmpty()) {
      LOG.warn("{}: {} tensors are not used: {}", what, unexpected.size(), head(unexpected, 20));
    }
    if (quantization != null) {
      sayWhatIsQuantized(quantization);
    }
    if (!kept.isEmpty()) {
      LOG.info(
          "{}: linear maps are kept as they are stored: {}",
          what,
          kept.entrySet().stream()
              .map(format -> format.getValue() + " as " + format.getKey())
              .collect(Collectors.joining(", ")));
    }
    if (!dense.isEmpty()) {
      // experts are most of a model's weights, and tables of tokens are few
      boolean many = dense.stream().anyMatch(name -> name.contains(".experts."));
      LOG.atLevel(many ? Level.WARN : Level.INFO)
          .log(
              "{}: plain numbers in memory, though stored in fewer bits, since they are no linear maps"
                  + " of their own in the model: {}",
              what,
              head(dense, 20));
    }
    if (!initialised.isEmpty()) {
      LOG.atLevel(chosen ? Level.INFO : Level.WARN)
          .log(
              "{}: random until they are trained, or an adapter that has them is loaded: {}",
              what,
              initialised);
    }
  }

  private void sayWhatIsQuantized(Quantization quantization) {
    if (quantized == 0) {
      throw new IllegalArgumentException(
          what
              + ": none of its "
              + notQuantized.size()
              + " linear maps can be kept as "
              + quantization.named()
              + ", since their sizes do not fit or they are experts; load the model without"
              + " quantize(…)");
    }
    LOG.info(
        "{}: {} linear maps are kept as {}; heads, embeddings, norms and biases stay as they are{}",
        what,
        quantized,
        quantization.named(),
        notQuantized.isEmpty()
            ? ""
            : ", and so do "
                + notQuantized.size()
                + " weights of layers, since their sizes do not fit or they are experts: "
                + head(notQuantized, 20));
  }

  private static List<String> head(Collection<String> names, int most) {
    List<String> head = names.stream().limit(most).toList();
    if (names.size() <= most) {
      return head;
    }
    List<String> cut = new ArrayList<>(head);
    cut.add("… " + (names.size() - most) + " more");
    return cut;
  }
}
