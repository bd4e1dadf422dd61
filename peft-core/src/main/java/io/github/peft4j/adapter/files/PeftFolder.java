package io.github.peft4j.adapter.files;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.adapter.AdapterFactory;
import io.github.peft4j.adapter.AdapterFormat;
import io.github.peft4j.adapter.AdapterPart;
import io.github.peft4j.adapter.Provenance;
import io.github.peft4j.adapter.layout.BareNames;
import io.github.peft4j.adapter.layout.BroughtTables;
import io.github.peft4j.adapter.layout.PeftLayouts;
import io.github.peft4j.advice.AdvisedException;
import io.github.peft4j.advice.Remedy;
import io.github.peft4j.config.CompositeConfig;
import io.github.peft4j.config.ConfigJson;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileGroup;
import io.github.peft4j.io.ForeignFiles;
import io.github.peft4j.io.JsonFile;
import io.github.peft4j.io.TensorHash;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import io.github.peft4j.io.torch.TorchFile;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.method.PeftMethod;
import io.github.peft4j.method.PeftMethods;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.NearNames;
import io.github.peft4j.tuner.site.ParameterSite;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The adapter folder of Hugging Face PEFT. */
public final class PeftFolder implements AdapterFormat {

  public static final String CONFIG = ConfigJson.FILE;
  static final String WEIGHTS = "adapter_model.safetensors";

  /**
   * The tensors as earlier releases of PEFT wrote them, and as it writes them without
   * safe_serialization.
   */
  private static final String PICKLED_WEIGHTS = "adapter_model.bin";

  /**
   * Tensors that only training needs and that Hugging Face PEFT's file lacks, such as prompt
   * encoders.
   */
  static final String BESIDE = "peft4j_training.safetensors";

  /** Key in the metadata of {@link #BESIDE}: the fingerprint of the tensors in {@link #WEIGHTS}. */
  private static final String BELONGS_TO = "adapter_model_sha256";

  /** Names of token tables of the input or the output, for all families. */
  private static final Pattern TABLE =
      Pattern.compile("\\.(embed_tokens|lm_head|wte|shared|word_embeddings)\\.weight$");

  private static final String TOKENS = ".token_adapter.trainable_tokens_delta";

  private static final Pattern COPY =
      Pattern.compile("(.*)\\.(original_module|modules_to_save)\\.weight");

  /** Accepts every folder: {@link #read} reports what is wrong with one that has no adapter. */
  @Override
  public boolean isFormatOf(Path folder) {
    return true;
  }

  @Override
  public Adapter read(String name, Path folder, AdapterFactory factory) {
    JsonObject json = readConfig(folder);
    String source = folder.resolve(CONFIG).toString();
    if (!type(json, source).equals(CompositeConfig.TYPE)) {
      return factory.adapter(name, 1, i -> readPart(name, folder, folder, factory, true));
    }
    List<Path> parts = CompositeFolders.read(folder, json, source);
    return factory.adapter(
        name,
        parts.size(),
        i -> readPart(AdapterFactory.partName(name, i), parts.get(i), folder, factory, i == 0));
  }

  /**
   * Reads a part of an adapter.
   *
   * @param name seeds tensors that the file does not hold
   * @param whole the folder of the whole adapter
   * @param first whether it is the first part, which has the classifier
   */
  private static AdapterPart readPart(
      String name, Path folder, Path whole, AdapterFactory factory, boolean first) {
    JsonObject json = readConfig(folder);
    String source = folder.resolve(CONFIG).toString();
    PeftMethod<?> method = method(json, source);
    TransformerModel model = factory.base();
    BareNames names = bareNames(folder, model);
    List<ParameterSite> parameters = model.parameters().toList();
    UnaryOperator<TensorSource> today =
        file -> PeftLayouts.of(method).read(names.over(file), parameters);
    Map<String, long[]> shapes = shapes(folder, today);
    BroughtTables.requireSizes(weights(folder).toString(), shapes, PeftLayouts.of(method), model);
    try {
      return factory.load(
          injection(method, json, source, shapes, factory, first),
          name,
          source,
          part -> {
            part.names(names);
            HeadLabels labels = HeadLabels.of(whole, model);
            labels.require(part, shapes);
            readTensors(folder, part, today, model.manager());
            labels.align(part);
          });
    } catch (IllegalArgumentException e) {
      throw classifies(json.get("task_type"))
          ? ofAnotherTask(folder, json.get("task_type").getAsString(), model, e)
          : e;
    }
  }

  /** The error of an adapter with a classifier on a model without one, or the given error. */
  private static IllegalArgumentException ofAnotherTask(
      Path folder, String type, TransformerModel model, IllegalArgumentException e) {
    Task.Type loaded = model.task().type();
    if (type.equals(loaded.name())) {
      return e;
    }
    List<String> labels = Provenance.read(folder).map(Provenance::labels).orElse(List.of());
    String classes =
        labels.isEmpty()
            ? "the names of its classes in order"
            : labels.stream().map(l -> '"' + l + '"').collect(Collectors.joining(", "));
    String task =
        type.equals(Task.Type.SEQ_CLS.name())
            ? "Task.classification(" + classes + ")"
            : type.equals(Task.Type.TOKEN_CLS.name())
                ? "Task.tokenClassification(List.of(" + classes + "))"
                : "Task.questionAnswering()";
    return new AdvisedException(
        "%s: field 'task_type' is %s, but the base model is loaded for %s"
            .formatted(folder.resolve(CONFIG), type, loaded),
        Remedy.LOAD_FOR_TASK.with(
            "Load it with Peft.load(model, %s). %s".formatted(task, e.getMessage())),
        e);
  }

  private static PeftMethod<?> method(JsonObject json, String source) {
    try {
      return PeftMethods.ofType(type(json, source));
    } catch (UnsupportedMethodException e) {
      throw new UnsupportedMethodException(source + ": " + e.getMessage());
    }
  }

  private static String type(JsonObject json, String source) {
    JsonElement type = json.get("peft_type");
    if (type == null) {
      throw new IllegalArgumentException(
          source
              + ": field 'peft_type' is missing"
              + (json.has("fine_tune_type") || json.has("lora_parameters")
                  ? ": this is an adapter of mlx-lm. Fuse it into its model (mlx_lm.fuse --model …"
                      + " --adapter-path … --dequantize) and load that as a model"
                  : json.has("model_type")
                      ? ": this is the config of a whole model. Load it with Peft.load(folder)"
                      : "; expected the config of a Hugging Face PEFT or AdapterHub adapter, there"
                          + " are "
                          + json.keySet()));
    }
    if (!type.isJsonPrimitive()) {
      throw new IllegalArgumentException(
          source + ": field 'peft_type' is " + type + "; expected a method's name, such as LORA");
    }
    return type.getAsString();
  }

  static <C extends PeftConfig> AdapterFactory.Injection<C> injection(
      PeftMethod<C> method,
      JsonObject json,
      String source,
      Map<String, long[]> shapes,
      AdapterFactory factory,
      boolean first) {
    C config =
        PeftLayouts.of(method)
            .asRead(
                ConfigJson.read(method.configType(), json, source),
                factory.base().config().text("model_type", ""));
    Map<String, JsonElement> fields = factory.commonFields(method);
    fields.putAll(json.asMap());
    List<String> modules =
        !ConfigJson.savesModules(json, config)
            ? null
            : first && classifies(json.get("task_type"))
                ? factory.withClassifiers(config.modulesToSave())
                : config.modulesToSave();
    return new AdapterFactory.Injection<>(method, config, fields, modules, shapes);
  }

  /** Whether PEFT trains a head for the task. Without a task it trains none. */
  private static boolean classifies(@Nullable JsonElement taskType) {
    return taskType != null
        && taskType.isJsonPrimitive()
        && Stream.of(Task.Type.SEQ_CLS, Task.Type.TOKEN_CLS, Task.Type.QUESTION_ANS)
            .anyMatch(type -> type.name().equals(taskType.getAsString()));
  }

  public static JsonObject readConfig(Path folder) {
    Path file = folder.resolve(CONFIG);
    if (!Files.isRegularFile(file)) {
      throw new IllegalArgumentException(
          folder
              + (Files.exists(folder) ? " is no adapter: it has no " + CONFIG : " does not exist")
              + ForeignFiles.insteadOfAdapter(folder)
              + ". Pass the folder that holds "
              + CONFIG);
    }
    return JsonFile.read(file);
  }

  /**
   * Sets a part's tensors to those of a folder.
   *
   * @param today the file's tensors under the names of today
   * @throws IllegalArgumentException if tensors are missing, unexpected or of the wrong shape; the
   *     message counts them and lists the first
   */
  private static void readTensors(
      Path folder, AdapterPart part, UnaryOperator<TensorSource> today, NDManager manager) {
    Path file = weights(folder);
    try (TensorSource source = today.apply(open(file))) {
      read(file, source, tensors(part, false), part.frozen(), manager);
    }
    Map<String, Trainable> beside = tensors(part, true);
    Path second = folder.resolve(BESIDE);
    boolean all = beside.isEmpty() || Files.isRegularFile(second);
    if (all && !beside.isEmpty()) {
      requireBelongsTo(second, file);
      try (TensorSource source = Safetensors.open(second)) {
        read(second, source, beside, Map.of(), manager);
      }
    }
    finish(file, part, all);
  }

  /** Tells a part's layers that their tensors are set. */
  static void finish(Path file, AdapterPart part, boolean all) {
    try {
      part.loaded(all);
    } catch (UnsupportedMethodException e) {
      throw e;
    } catch (IllegalArgumentException e) {
      throw AdvisedException.at(file.toString(), e);
    }
  }

  private static Path weights(Path folder) {
    return Stream.of(WEIGHTS, PICKLED_WEIGHTS)
        .map(folder::resolve)
        .filter(Files::isRegularFile)
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    folder
                        + " has neither "
                        + WEIGHTS
                        + " nor "
                        + PICKLED_WEIGHTS
                        + ForeignFiles.insteadOfAdapter(folder)));
  }

  private static TensorSource open(Path weights) {
    return weights.endsWith(PICKLED_WEIGHTS) ? TorchFile.open(weights) : Safetensors.open(weights);
  }

  private static void requireBelongsTo(Path beside, Path weights) {
    try (Safetensors second = Safetensors.open(beside);
        TensorSource first = open(weights)) {
      String expected = second.metadata().get(BELONGS_TO);
      String present = TensorHash.of(first);
      if (expected != null && !present.equals(expected)) { // null: peft4j did not write it
        throw new IllegalArgumentException(
            beside
                + " belongs to an "
                + weights.getFileName()
                + " whose tensors have the SHA-256 "
                + expected
                + ", but those of "
                + weights
                + " have "
                + present
                + ": take both files from one save, or delete "
                + BESIDE
                + " to use the adapter without training it on");
      }
    }
  }

  /**
   * The names of an adapter's file.
   *
   * @throws IllegalArgumentException if there is no file
   */
  private static BareNames bareNames(Path folder, TransformerModel model) {
    try (TensorSource source = open(weights(folder))) {
      return BareNames.of(source.names(), model);
    }
  }

  /** The shapes of the tensors in an adapter's file. */
  private static Map<String, long[]> shapes(Path folder, UnaryOperator<TensorSource> today) {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    try (TensorSource source = today.apply(open(weights(folder)))) {
      source.names().forEach(name -> shapes.put(name, source.info(name).shape()));
    }
    return shapes;
  }

  /** The tensors of one of the two files, by name. */
  static Map<String, Trainable> tensors(AdapterPart part, boolean beside) {
    Map<String, Trainable> tensors = new LinkedHashMap<>();
    part.tensors()
        .forEach(
            (name, tensor) -> {
              if (tensor.isSaved() && tensor.isBeside() == beside) {
                tensors.put(name, tensor);
              }
            });
    return tensors;
  }

  /** Whether two tables are equal except for rounding to half precision. */
  private static boolean isSame(TensorSource source, String name, NDArray frozen) {
    float[] theirs = source.floats(name);
    float[] ours = Tensors.floats(frozen);
    boolean exact = source.info(name).dtype() == DType.F32 && isSingle(frozen);
    if (theirs.length != ours.length || exact) {
      return Arrays.equals(theirs, ours);
    }
    for (int i = 0; i < ours.length; i++) {
      double larger = Math.max(Math.abs(theirs[i]), Math.abs(ours[i]));
      if (!(Math.abs(theirs[i] - ours[i]) <= larger / 256 + 1e-7)) { // bfloat16 has eight bits
        return false;
      }
    }
    return true;
  }

  private static boolean isSingle(NDArray array) {
    DataType type = array.getDataType(); // UNKNOWN for bfloat16
    return type == DataType.FLOAT32 || type == DataType.FLOAT64;
  }

  /**
   * Sets tensors to those of a source, by name.
   *
   * @param file the name of the source in errors
   * @throws IllegalArgumentException if tensors are missing, unexpected or of the wrong shape; the
   *     message counts them and lists the first
   */
  public static void read(
      Path file,
      TensorSource source,
      Map<String, Trainable> tensors,
      Map<String, ParameterSite> frozen,
      NDManager manager) {
    check(file, source, tensors, frozen);
    Map<Trainable, String> firstNames = new HashMap<>(); // tensors are equal if they are the same
    tensors.forEach(
        (name, tensor) -> {
          String first = firstNames.putIfAbsent(tensor, name);
          if (first != null) {
            requireSame(file, source, first, name);
            return;
          }
          Shape shape = new Shape(source.info(name).shape());
          try (NDArray value =
              source.info(name).dtype().isFloating()
                  ? manager.create(finite(file, name, source.floats(name)), shape)
                  : manager.create(source.longs(name), shape)) {
            Tensors.copy(tensor.value(), value);
          }
        });
  }

  private static void requireSame(Path file, TensorSource source, String first, String name) {
    if (!Arrays.equals(source.floats(first), source.floats(name))) {
      throw new IllegalArgumentException(
          file
              + ": "
              + name
              + " differs from "
              + first
              + ", but modules share this tensor; expected equal values: another program than"
              + " Hugging Face PEFT or peft4j wrote the file, or its config was changed since");
    }
  }

  private static float[] finite(Path file, String name, float... values) {
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new IllegalArgumentException(
            file
                + ": "
                + name
                + " holds "
                + values[i]
                + " at element "
                + i
                + "; expected finite numbers: its training diverged, take an earlier checkpoint");
      }
    }
    return values;
  }

  /**
   * Whether a tensor is in the file twice, since PEFT saves all tensors of a resized table: those
   * of a module to save by other names, and the rows of single tokens once for each module that
   * shares the table.
   */
  private static boolean isCopy(String name, TensorSource source) {
    Matcher copy = COPY.matcher(name);
    return (copy.matches() && source.names().contains(copy.group(1) + ".weight"))
        || (name.endsWith(TOKENS) && source.names().stream().anyMatch(n -> same(n, name, source)));
  }

  private static boolean same(String name, String other, TensorSource source) {
    return !name.equals(other)
        && name.endsWith(TOKENS)
        && Arrays.equals(source.floats(name), source.floats(other));
  }

  private static void check(
      Path file,
      TensorSource source,
      Map<String, Trainable> tensors,
      Map<String, ParameterSite> frozen) {
    List<Supplier<String>> problems = new ArrayList<>(); // finding near names takes long
    Set<String> homeless = new TreeSet<>(source.names());
    homeless.removeAll(tensors.keySet());
    homeless.removeAll(frozen.keySet());
    homeless.removeIf(name -> isCopy(name, source));
    for (String name : homeless) {
      problems.add(
          () ->
              name
                  + " finds no place in the model"
                  + (TABLE.matcher(name).find()
                      ? ", whose token table is of another size or kind than this "
                          + Arrays.toString(source.info(name).shape())
                          + ": tokens were added before the adapter was trained"
                      : "; near: "
                          + String.join(", ", NearNames.nearest(name, tensors.keySet(), 3))));
    }
    tensors.forEach(
        (name, tensor) -> {
          if (!source.names().contains(name)) {
            problems.add(
                () ->
                    name
                        + " is missing; near: "
                        + String.join(", ", NearNames.nearest(name, source.names(), 3)));
          } else if (!Arrays.equals(
              source.info(name).shape(), tensor.value().getShape().getShape())) {
            problems.add(
                () ->
                    name
                        + " has shape "
                        + Arrays.toString(source.info(name).shape())
                        + ", the model needs "
                        + tensor.value().getShape());
          } else if (source.info(name).dtype().isFloating()
              == (tensor.value().getDataType() == DataType.INT32)) {
            problems.add(
                () ->
                    name
                        + " is of type "
                        + source.info(name).dtype()
                        + ", the model needs "
                        + tensor.value().getDataType());
          }
        });
    frozen.forEach(
        (name, parameter) -> {
          if (source.names().contains(name)
              && (!source.info(name).dtype().isFloating()
                  || !isSame(source, name, parameter.frozen()))) {
            problems.add(() -> name + " holds another table than the model's " + parameter.name());
          }
        });
    if (!problems.isEmpty()) {
      int most = 6;
      throw new IllegalArgumentException(
          file
              + " does not fit this model and "
              + CONFIG
              + ". Is it an adapter for another base model, see base_model_name_or_path there? "
              + problems.size()
              + " of its tensors do not fit:\n  "
              + problems.stream().limit(most).map(Supplier::get).collect(Collectors.joining("\n  "))
              + (problems.size() > most ? "\n  … " + (problems.size() - most) + " more" : ""));
    }
  }

  /**
   * Writes the files of an adapter. Either all of them are written or none.
   *
   * @param files of the folder
   */
  public void write(
      FileGroup files, Adapter adapter, TransformerModel model, Provenance provenance) {
    List<AdapterPart> parts = adapter.parts();
    if (parts.size() == 1) {
      write(files, "", parts.get(0));
    } else {
      List<String> folders = CompositeFolders.names(parts);
      for (int i = 0; i < folders.size(); i++) {
        write(files, folders.get(i) + "/", parts.get(i));
      }
      files.writeText(CONFIG, CompositeFolders.configText(folders, parts));
      files.remove(WEIGHTS); // those of an earlier adapter would not belong to this one
      files.remove(BESIDE);
    }
    files.writeText(Provenance.FILE, provenance.text());
    files.commit();
  }

  /**
   * Writes the files of one part.
   *
   * @param folder the part's folder with a slash, or nothing
   */
  private static void write(FileGroup files, String folder, AdapterPart part) {
    SafetensorsWriter weights = named(part);
    part.frozen()
        .forEach(
            (name, parameter) ->
                weights.add(
                    part.names().inFile(name),
                    parameter.shape().getShape(),
                    Tensors.floats(parameter.frozen())));
    files.write(folder + WEIGHTS, weights.content());
    Map<String, Trainable> beside = tensors(part, true);
    if (beside.isEmpty()) {
      files.remove(folder + BESIDE); // that of an earlier adapter would not belong to this one
    } else {
      SafetensorsWriter second = writer(part, beside).metadata(BELONGS_TO, weights.tensorHash());
      files.write(folder + BESIDE, second.content());
    }
    files.writeText(folder + CONFIG, part.configText());
  }

  private static SafetensorsWriter writer(AdapterPart part, Map<String, Trainable> tensors) {
    SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
    tensors.forEach(
        (name, tensor) -> add(writer, name, part.integers(), () -> part.stored(tensor)));
    return writer;
  }

  private static SafetensorsWriter named(AdapterPart part) {
    SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
    tensors(part, false)
        .forEach(
            (name, tensor) ->
                add(writer, part.names().inFile(name), part.integers(), () -> part.stored(tensor)));
    return writer;
  }

  /** Adds a tensor to a file, in the form that the file holds. */
  public static void add(SafetensorsWriter writer, String name, Supplier<NDArray> stored) {
    add(writer, name, DType.I32, stored);
  }

  private static void add(
      SafetensorsWriter writer, String name, DType integers, Supplier<NDArray> stored) {
    try (Scope scope = new Scope()) {
      NDArray value = stored.get();
      long[] shape = value.getShape().getShape();
      if (value.getDataType() == DataType.INT32) {
        ByteBuffer bytes = bytes(value.toIntArray(), integers);
        writer.add(
            new TensorInfo(name, integers, shape), sink -> sink.accept(bytes.asReadOnlyBuffer()));
      } else {
        writer.add(name, shape, Tensors.floats(value));
      }
    }
  }

  private static ByteBuffer bytes(int[] numbers, DType type) {
    ByteBuffer bytes =
        ByteBuffer.allocate(type.bytes() * numbers.length).order(ByteOrder.LITTLE_ENDIAN);
    for (int number : numbers) {
      switch (type) {
        case U8 -> bytes.put((byte) number);
        case I16 -> bytes.putShort((short) number);
        case I32 -> bytes.putInt(number);
        default -> throw new IllegalArgumentException(type + " is no type of whole numbers here");
      }
    }
    return bytes.flip();
  }
}
