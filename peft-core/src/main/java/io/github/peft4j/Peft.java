package io.github.peft4j;

import ai.djl.Device;
import ai.djl.engine.Engine;
import io.github.peft4j.adapter.BaseModelOrigin;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.embed.EmbeddingSettings;
import io.github.peft4j.gguf.GgufModel;
import io.github.peft4j.hub.HubException;
import io.github.peft4j.hub.HubModel;
import io.github.peft4j.io.TensorHash;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.weights.ModelWeights;
import io.github.peft4j.kernel.OutOfDeviceMemoryException;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.transformer.DeviceMap;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.checkpoint.Models;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.tuner.site.ParameterSite;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * Loads frozen models, the entry point of peft4j.
 *
 * <pre>{@code
 * try (PeftModel model = Peft.load("models/llama-3.2-1b")
 *     .adapt(LoraConfig.ofRank(16).targetModules("q_proj", "v_proj"))) {
 *   System.out.println(model.trainableParameters());
 * }
 * }</pre>
 */
public final class Peft {

  private static final Logger LOG = LoggerFactory.getLogger(Peft.class);

  private Peft() {}

  /**
   * Loads a model for the task that its config.json names: in bfloat16 on the first CUDA GPU if
   * there is one, else in float32 on the CPU.
   *
   * @param folderOrName a folder with config.json, model.safetensors (or shards) and, to work with
   *     texts, tokenizer.json; or a GGUF file; or the name of a repository on the Hugging Face hub,
   *     {@code org/name}, whose files are downloaded into the cache that Python's libraries share,
   *     with a GGUF file or its type after a colon, {@code org/name-GGUF:Q4_K_M}, if it has
   *     several. If there is a folder or file of this name, it is loaded
   * @return the model, which the caller closes
   * @throws IllegalArgumentException if files are missing or do not fit together, or if there is no
   *     such folder and no repository can have this name
   * @throws HubException if the hub has no such model, or cannot be reached and the cache lacks it
   * @throws io.github.peft4j.transformer.config.UnsupportedModelException if the model's family is
   *     not supported; the message lists those that are
   */
  public static PeftModel load(String folderOrName) {
    return from(folderOrName).load();
  }

  /** Loads a folder or a GGUF file, as {@link #load(String)}. */
  public static PeftModel load(Path folderOrFile) {
    return from(folderOrFile).load();
  }

  /**
   * Loads a model for a task. If the checkpoint has no head for the task, the head gets new random
   * weights. Device and precision are those of {@link #load(String)}.
   */
  public static PeftModel load(String folderOrName, Task task) {
    return from(folderOrName).task(task).load();
  }

  /**
   * Starts loading a folder or a GGUF file, or a repository of the Hugging Face hub if there is
   * neither of this name, for settings such as device, precision and seed. A repository is
   * downloaded at once.
   */
  public static Loader from(String folderOrName) {
    return from(FolderOrHub.model(folderOrName));
  }

  /**
   * Starts loading a repository of the Hugging Face hub, which is downloaded at once:
   *
   * <pre>{@code
   * PeftModel model = Peft.from(HubModel.of("org/name").revision("v1.1")).load();
   * }</pre>
   *
   * @throws HubException if the hub has no such model, or cannot be reached and the cache lacks it
   */
  public static Loader from(HubModel model) {
    return from(new FolderOrHub(model.name(), model.download()));
  }

  /** Starts loading a folder or a GGUF file, for settings such as device, precision and seed. */
  public static Loader from(Path folder) {
    return from(new FolderOrHub(folder.toString(), folder));
  }

  private static Loader from(FolderOrHub source) {
    Path folder = source.folder();
    Optional<Path> gguf = GgufModel.find(folder);
    if (gguf.isPresent()) {
      GgufModel model = GgufModel.read(gguf.get());
      Loader loader =
          new Loader(model.config(), model::tensors, model::tokenizer, source.name(), gguf.get())
              .blocks(model::blocks);
      VectorPooling.settings(model.pooling()).ifPresent(loader::embeddings);
      return loader;
    }
    ModelConfig config = ModelConfig.read(folder);
    return new Loader(
        config,
        () -> ModelWeights.open(folder),
        () -> Tokenizer.isIn(folder) ? Tokenizer.load(folder) : null,
        source.name(),
        folder);
  }

  /**
   * Starts loading a model from any source.
   *
   * @param config the content of config.json
   * @param tensors opens the weights under Hugging Face's names; called once to load them, once
   *     more when their fingerprint is first needed, and once for each copy of the model on another
   *     device
   * @param tokenizer opens the tokenizer, or returns null if there is none
   * @param origin the model's name in adapter files: {@code base_model_name_or_path}
   */
  public static Loader from(
      ModelConfig config,
      Supplier<TensorSource> tensors,
      Supplier<@Nullable Tokenizer> tokenizer,
      String origin) {
    return new Loader(config, tensors, tokenizer, origin, null);
  }

  /** The settings with which a model is loaded. */
  public static final class Loader {

    private final ModelConfig config;
    private final Supplier<? extends TensorSource> tensors;
    private final Supplier<@Nullable Tokenizer> tokenizer;
    private final String origin;
    private final @Nullable Path folder;
    private @Nullable Task task;
    private @Nullable DeviceMap devices;
    private @Nullable Precision precision;
    private long seed = 42;
    private @Nullable Quantization quantization;
    private @Nullable Supplier<? extends TensorSource> blocks;
    private boolean inBlocks;
    private boolean offloads;
    private @Nullable EmbeddingSettings embeddings;

    private Loader(
        ModelConfig config,
        Supplier<? extends TensorSource> tensors,
        Supplier<@Nullable Tokenizer> tokenizer,
        String origin,
        @Nullable Path folder) {
      this.folder = folder;
      this.config = config;
      this.tensors = tensors;
      this.tokenizer = tokenizer;
      this.origin = origin;
    }

    /** The task; by default the one that config.json names. */
    public Loader task(Task task) {
      this.task = task;
      return this;
    }

    /**
     * The device that holds the model; by default the first CUDA GPU, or the CPU if there is none.
     */
    public Loader device(Device device) {
      return deviceMap(DeviceMap.on(device));
    }

    /**
     * The devices that hold the layers of a model which is too large for one, or layers that wait
     * on the host. It takes the place of {@link #device}.
     */
    public Loader deviceMap(DeviceMap devices) {
      this.devices = devices;
      return this;
    }

    /**
     * The precision that the model computes in; by default BFLOAT16 on CUDA and FLOAT32 on the CPU.
     * A GPU without bfloat16, of a compute capability below 8.0, has FLOAT16; T5 and Gemma 3, whose
     * numbers are too large for that, have FLOAT32 there. The log says so.
     */
    public Loader precision(Precision precision) {
      this.precision = precision;
      return this;
    }

    /**
     * Keeps the weights of the layers' linear maps in fewer bits, such as {@link
     * io.github.peft4j.quantization.float8.Float8}. Each is quantised as soon as it is read, so the
     * whole model never stands in memory in its {@link #precision}. Adapters, heads, norms and
     * embeddings stay as they are.
     *
     * <p>All methods work on such a model. Those that need a weight itself get it in the model's
     * precision, made anew each time. A merged weight is kept in that precision.
     */
    public Loader quantize(Quantization quantization) {
      this.quantization = quantization;
      return this;
    }

    /**
     * Keeps the table of input embeddings in the host's memory, page-locked, of which a GPU reads a
     * row for each token: 1 GiB less on the GPU for Llama 3 8B in 16 bits, and the same numbers. A
     * table that the model's head reads, too ({@code tie_word_embeddings}), stays on the GPU, and
     * so does one on the CPU.
     */
    public Loader offloadEmbeddings() {
      this.offloads = true;
      return this;
    }

    private Loader blocks(Supplier<? extends TensorSource> blocks) {
      this.blocks = blocks;
      return this;
    }

    /**
     * Keeps the matrices of a GGUF file in their blocks: a model of Q4_K takes 4.5 bits for a
     * number, and not the 16 or 32 of its {@link #precision}. Each product makes the numbers anew,
     * which takes time. What a method or a merge changes becomes plain numbers.
     *
     * @throws IllegalArgumentException if the model is in no GGUF file
     */
    public Loader keepBlocks() {
      if (blocks == null) {
        throw new IllegalArgumentException(
            "keepBlocks(): %s is no GGUF file; its weights have no blocks. quantize(…) makes some"
                .formatted(origin));
      }
      this.inBlocks = true;
      return this;
    }

    private Supplier<? extends TensorSource> opener() {
      Supplier<? extends TensorSource> chosen = inBlocks ? blocks : null;
      return chosen == null ? tensors : chosen;
    }

    /** The seed of a new head and of new adapters; by default 42. */
    public Loader seed(long seed) {
      this.seed = seed;
      return this;
    }

    /**
     * How states become vectors of texts; by default as {@code modules.json} in the folder says, or
     * the GGUF file.
     */
    public Loader embeddings(EmbeddingSettings settings) {
      this.embeddings = settings;
      return this;
    }

    /**
     * Loads the model.
     *
     * @return the model, which the caller closes
     * @throws IllegalArgumentException if files are missing or do not fit together, if there is no
     *     such GPU, if the device does not compute with what {@link #quantize} asks for, or if
     *     weights are to be kept in blocks and to be quantised
     * @throws io.github.peft4j.transformer.config.UnsupportedModelException if the model's family
     *     is not supported; the message lists those that are
     */
    public PeftModel load() {
      if (quantization != null && inBlocks) {
        throw new IllegalArgumentException(
            ("%s: keepBlocks() keeps the weights as the file has them, quantize(%s) in another form;"
                    + " take one of the two")
                .formatted(origin, quantization.named()));
      }
      Engine engine = PyTorch.engine();
      DeviceMap where = devices(engine.getGpuCount());
      Models.check(config);
      ModelConfig effective = Models.effective(config);
      Precision in =
          precision != null
              ? precision
              : DefaultPrecision.of(where.devices(), config.text("model_type", ""));
      Function<DeviceMap, TransformerModel> build = builder(effective, in);
      TransformerModel model = build.apply(where);
      try {
        Tokenizer words = tokenizer.get();
        if (words != null) {
          limit(words, effective);
        }
        LOG.atLevel(where.isSingle() ? Level.DEBUG : Level.INFO)
            .log("loaded {}: {}", origin, model);
        return new PeftModel(
            model,
            words,
            new BaseModelOrigin(origin, folder, this::fingerprint),
            seed,
            embeddings,
            build);
      } catch (RuntimeException | Error e) {
        model.close();
        throw e;
      }
    }

    /** Loads the frozen model to devices, with the settings of now. */
    private Function<DeviceMap, TransformerModel> builder(ModelConfig effective, Precision in) {
      Supplier<? extends TensorSource> tensors = opener();
      Task task = this.task;
      long seed = this.seed;
      Quantization quantization = this.quantization;
      boolean offloads = this.offloads;
      boolean inBlocks = this.inBlocks;
      return where -> {
        if (quantization != null) {
          where.devices().forEach(device -> quantization.require(device, in));
        }
        try (TensorSource source = tensors.get()) {
          TransformerModel model =
              OutOfDeviceMemoryException.guard(
                  () -> "loading %s in %s on %s".formatted(origin, in, where),
                  () ->
                      "Load it in fewer bits, by precision(…) or quantize(…), on another device(…),"
                          + " or with its layers on several, by deviceMap(…)",
                  () -> Models.build(effective, source, task, where, in, seed, quantization));
          if (inBlocks && model.parameters().noneMatch(ParameterSite::isQuantized)) {
            LOG.info("{}: keepBlocks() keeps nothing: no weight of a layer is in blocks", origin);
          }
          return offloads ? offloaded(model) : model;
        }
      };
    }

    private TransformerModel offloaded(TransformerModel model) {
      try {
        if (model.offloadEmbeddings()) {
          PyTorch.releaseCachedMemory();
        } else {
          LOG.info(
              "{}: offloadEmbeddings() moves nothing: {}",
              origin,
              model.device().isGpu()
                  ? "the head reads the table, too, or the GPU cannot read the host's memory"
                  : "the model is on the CPU");
        }
        return model;
      } catch (RuntimeException | Error e) {
        model.close();
        throw e;
      }
    }

    private DeviceMap devices(int gpus) {
      DeviceMap wanted = devices;
      if (wanted == null) {
        return DeviceMap.on(gpus > 0 ? Device.gpu() : Device.cpu());
      }
      for (Device device : wanted.devices()) {
        if (device.isGpu() && device.getDeviceId() >= gpus) {
          throw new IllegalArgumentException(
              ("there is no %s: PyTorch finds %d CUDA GPUs here, and counts them from 0; without its"
                      + " natives for CUDA it finds none, see docs/installation.md")
                  .formatted(device, gpus));
        }
      }
      return wanted;
    }

    /**
     * Added tokens may lie beyond the model's table, as a masked padding token does. They are an
     * error only in a text that contains one.
     */
    private void limit(Tokenizer words, ModelConfig config) {
      int known = config.size("vocab_size");
      if (words.trainedVocabularySize() > known) {
        throw config.error(
            "vocab_size",
            known,
            "at least the tokenizer's "
                + words.trainedVocabularySize()
                + ": tokenizer.json belongs to another model");
      }
      int more = words.vocabularySize() - known;
      if (more > 0) {
        LOG.warn(
            "{}: the tokenizer has {} added tokens beyond the model's {} (vocab_size): texts that"
                + " have one of them are refused. resizeTokens({}) gives them rows to train",
            origin,
            more,
            known,
            words.vocabularySize());
        words.limitTo(known);
      }
    }

    private String fingerprint() {
      try (TensorSource source = tensors.get()) {
        return TensorHash.of(source);
      }
    }
  }
}
