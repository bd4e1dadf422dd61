package io.github.peft4j;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.adapter.AdapterFactory;
import io.github.peft4j.adapter.AdapterSet;
import io.github.peft4j.adapter.BaseModelOrigin;
import io.github.peft4j.adapter.Provenance;
import io.github.peft4j.adapter.QuantizationError;
import io.github.peft4j.adapter.adapterhub.AdapterHubFolder;
import io.github.peft4j.adapter.combine.Combination;
import io.github.peft4j.adapter.combine.Combiner;
import io.github.peft4j.adapter.files.CompanionFiles;
import io.github.peft4j.adapter.files.GgufAdapter;
import io.github.peft4j.adapter.files.ModelFiles;
import io.github.peft4j.adapter.files.PeftFolder;
import io.github.peft4j.chat.ChatTemplate;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.embed.EmbeddingSettings;
import io.github.peft4j.export.onnx.OnnxModel;
import io.github.peft4j.gguf.GgufPooling;
import io.github.peft4j.gguf.tokenizer.GgufVocabulary;
import io.github.peft4j.hub.HubException;
import io.github.peft4j.hub.HubModel;
import io.github.peft4j.io.FileGroup;
import io.github.peft4j.io.gguf.GgufMetadata;
import io.github.peft4j.io.gguf.GgufType;
import io.github.peft4j.io.safetensors.ShardedWriter;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.site.ParameterSite;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A frozen model with adapters on it.
 *
 * <p>Adapters are added by {@link #adapt} (fresh) or {@link #loadAdapter} (from a folder or the
 * hub), each under a name. {@link #activate} sets the adapters that calls use by default. {@link
 * #using} returns a view with adapters of its own.
 *
 * <p>The model is a DJL block, so that DJL's {@code Model}, {@code Predictor} and {@code
 * Translator} take it. Its inputs are int64: token ids (B, T); optionally a mask (B, T), 1 for
 * tokens and 0 for padding; optionally segment ids (B, T) or, for an encoder-decoder, the decoder's
 * input ids (B, U). Its output is the logits: (B, classes) for sequence classification, (B, T,
 * classes) for token classification, (B, T, V) for a causal language model, (B, U, V) for an
 * encoder-decoder.
 *
 * <p>Any number of threads may compute at a time, also with different adapters. Other threads may
 * load, rename, remove, merge or train adapters meanwhile. A call finishes with the adapters that
 * it started with; a removed adapter is freed when the last call that uses it has ended.
 */
public final class PeftModel extends LoadedModel {

  /** The default name of an adapter, as in Hugging Face PEFT. */
  public static final String DEFAULT = "default";

  /** The most rows of a token table. No model exceeds it; a larger number is an error. */
  private static final int MOST_TOKENS = 1 << 24;

  private final TransformerModel base;
  private final BaseModelOrigin origin;
  private final @Nullable Tokenizer words;
  private final AdapterFactory factory;
  private final AdapterSet adapters;
  private final long seed;
  private final @Nullable Function<Device, TransformerModel> again;

  /**
   * Wraps a model.
   *
   * @param tokenizer of the model, or null if texts are not needed; closed with the model
   * @param origin where the model came from: {@code base_model_name_or_path} in adapter files
   * @param seed of the random tensors of new adapters
   * @param hash computes the fingerprint of the model's weights, see {@link
   *     io.github.peft4j.io.TensorHash}; called once, when an adapter's files first need it
   */
  public PeftModel(
      TransformerModel base,
      @Nullable Tokenizer tokenizer,
      String origin,
      long seed,
      Supplier<String> hash) {
    this(base, tokenizer, new BaseModelOrigin(origin, null, hash), seed, null, null);
  }

  /**
   * Wraps a model, as the public constructor does.
   *
   * @param again loads the frozen model to another device; null if it is not known how
   */
  PeftModel(
      TransformerModel base,
      @Nullable Tokenizer tokenizer,
      BaseModelOrigin origin,
      long seed,
      @Nullable EmbeddingSettings embeddings,
      @Nullable Function<Device, TransformerModel> again) {
    super(base, tokenizer, origin, embeddings);
    this.base = base;
    this.origin = origin;
    this.seed = seed;
    this.words = tokenizer;
    this.again = again;
    AdapterSet set = new AdapterSet(base);
    this.factory =
        new AdapterFactory(
            base,
            tokenizer,
            origin.name(),
            seed,
            List.of(new GgufAdapter(), new AdapterHubFolder(), new PeftFolder()),
            set::layers);
    this.adapters = set;
  }

  /**
   * Gives the token tables another number of rows, as transformers' {@code resize_token_embeddings}
   * does: the input's table, the output's of a language model, and {@code vocab_size}. New rows
   * start near the mean of the old ones: they are drawn from a normal distribution with their mean
   * and a billionth of their covariance. The model's other weights do not change. It waits until
   * running calls have ended.
   *
   * @param tokens number of rows, from 1 to 2^24; with fewer rows than before the last ones are
   *     dropped
   * @return this model
   * @throws IllegalStateException if there are adapters; resize the tables before them
   */
  public PeftModel resizeTokens(int tokens) {
    return resizeTokens(tokens, 1);
  }

  /**
   * Gives the token tables another number of rows, see {@link #resizeTokens(int)}.
   *
   * @param multiple the number is raised to a multiple of this, which makes matrix products of some
   *     GPUs faster; 1 for none
   */
  public PeftModel resizeTokens(int tokens, int multiple) {
    int rows = tokens < 1 || multiple < 1 ? 0 : raised(tokens, multiple);
    if (rows < 1 || rows > MOST_TOKENS) {
      throw new IllegalArgumentException(
          "resizeTokens(%d, %d); expected numbers above 0, for at most %d rows"
              .formatted(tokens, multiple, MOST_TOKENS));
    }
    adapters.alone("resize the token tables", () -> resize(rows));
    return this;
  }

  /** The number of tokens raised to a multiple, or the largest int if it is larger. */
  private static int raised(int tokens, int multiple) {
    long rows = (tokens + multiple - 1L) / multiple * multiple;
    return (int) Math.min(rows, Integer.MAX_VALUE);
  }

  private void resize(int rows) {
    if (rows != base.config().size("vocab_size")) {
      base.resizeTokens(rows, seed);
    }
    limitTokenizer(rows);
  }

  /**
   * Adds tokens to the tokenizer, and rows for them to the token tables if these have too few, see
   * {@link #resizeTokens(int)}. A token of several words or characters is one id from then on.
   * Train the rows with {@code trainableTokenIndices} of their ids, or whole tables with {@code
   * modulesToSave}.
   *
   * @param tokens texts that are not empty; those that are tokens already keep their ids
   * @return their ids, in the same order
   * @throws IllegalStateException if there are adapters, or if the model has no tokenizer
   */
  public long[] addTokens(String... tokens) {
    return add(List.of(tokens), false);
  }

  /**
   * Adds special tokens, see {@link #addTokens}. Decoding leaves them out unless it is asked for
   * them.
   */
  public long[] addSpecialTokens(String... tokens) {
    return add(List.of(tokens), true);
  }

  private long[] add(List<String> tokens, boolean special) {
    long[][] ids = new long[1][];
    adapters.alone(
        "add tokens",
        () ->
            ids[0] =
                tokenizer()
                    .addTokens(
                        tokens,
                        special,
                        size -> resize(Math.max(size, base.config().size("vocab_size")))));
    return ids[0];
  }

  /**
   * Adds a fresh adapter called {@value #DEFAULT} and makes it the active one, see {@link
   * #adapt(String, PeftConfig)}.
   */
  public PeftModel adapt(PeftConfig config) {
    return adapt(DEFAULT, config);
  }

  /**
   * Adds a fresh adapter and makes it the active one.
   *
   * @param name of the adapter; not yet taken
   * @param config of any method on the class path
   * @return this model
   * @throws IllegalArgumentException if the name is taken, or the config does not fit the model;
   *     the message names the setting
   * @throws IllegalStateException if adapters are merged at present
   */
  public PeftModel adapt(String name, PeftConfig config) {
    adapters.requireFree(name);
    adapters.requireUnmerged();
    adapters.add(factory.fresh(name, config), true);
    return this;
  }

  /**
   * Loads an adapter as {@value #DEFAULT} and makes it the active one, as Hugging Face PEFT's
   * {@code PeftModel.from_pretrained} does. See {@link #loadAdapter(String, Path)} for formats and
   * errors.
   *
   * @param folderOrName a folder or a GGUF file, or the name of a repository on the Hugging Face
   *     hub, {@code org/name}. If there is a folder or file of this name, it is loaded
   * @throws IllegalStateException if adapters are merged at present
   * @throws HubException if the hub has no such adapter, or cannot be reached and the cache lacks
   *     it
   */
  public PeftModel loadAdapter(String folderOrName) {
    adapters.requireUnmerged();
    adapters.requireFree(DEFAULT);
    return loadAdapter(DEFAULT, FolderOrHub.adapter(folderOrName).folder(), true);
  }

  /**
   * Loads an adapter from the Hugging Face hub, see {@link #loadAdapter(String, Path)}.
   *
   * @param name of the adapter; not yet taken
   * @throws HubException if the hub has no such adapter, or cannot be reached and the cache lacks
   *     it
   */
  public PeftModel loadAdapter(String name, HubModel adapter) {
    adapters.requireFree(name);
    return loadAdapter(name, adapter.downloadAdapter());
  }

  /**
   * Loads an adapter that was saved by peft4j, Hugging Face PEFT or AdapterHub's library, or a LoRA
   * in a GGUF file of llama.cpp's.
   *
   * <p>The first adapter of a model becomes active. Later ones do not change the active
   * composition, as with Hugging Face PEFT's {@code load_adapter}.
   *
   * <p>A warning is logged if its {@link Provenance} has the hash of another base model. If it has
   * a classifier, its rows are put into the order of this model's labels. If its files name no
   * labels, their order is assumed to be the model's; a warning is logged if the model's labels
   * come from a {@link io.github.peft4j.transformer.config.Task} and not from config.json.
   *
   * @param name of the adapter; not yet taken
   * @param folder with adapter_config.json and adapter_model.safetensors, or AdapterHub's
   *     adapter.safetensors or pytorch_adapter.bin; or a GGUF file, or a folder with one
   * @return this model
   * @throws IllegalArgumentException if the name is taken; if tensors are missing, left over or of
   *     another shape, listing them all; or if its classifier has other classes than the model,
   *     naming both
   * @throws UnsupportedMethodException if its method or a setting of it is not supported
   */
  public PeftModel loadAdapter(String name, Path folder) {
    return loadAdapter(name, folder, adapters.byName().isEmpty() && !isMerged());
  }

  private PeftModel loadAdapter(String name, Path folder, boolean active) {
    adapters.requireFree(name);
    Optional<Provenance> provenance = Provenance.read(folder);
    Adapter adapter = factory.read(name, folder);
    provenance.ifPresent(
        known -> {
          adapter.trainings(known.trainings());
          adapter.corrected(known.corrected());
          origin.compare(folder, known, adapter);
        });
    adapters.add(adapter, active);
    return this;
  }

  /**
   * Creates one new adapter from several. The others and the active composition do not change.
   *
   * @param name of the new adapter; not yet taken
   * @throws IllegalArgumentException if an adapter is not a change of weights; the message names it
   */
  public PeftModel combine(String name, Combination combination) {
    adapters.requireFree(name);
    List<Adapter> sources = combination.adapters().stream().map(this::adapter).toList();
    Adapter combined;
    try (ModelCall reading = adapters.reading(sources)) {
      combined = new Combiner(base, sources, combination).combine(name, factory);
    }
    adapters.add(combined, false);
    return this;
  }

  /**
   * Renames an adapter. It stays active, frozen or in training, and active compositions use the new
   * name. Saved files do not hold the name, so they stay valid.
   *
   * @param other the new name, not yet taken
   * @throws IllegalArgumentException if another adapter, such as a fusion, refers to it by name in
   *     its files
   */
  public PeftModel rename(String name, String other) {
    adapters.rename(name, other);
    return this;
  }

  /**
   * Removes an adapter. Running calls that use it continue; its tensors are freed when the last of
   * them has ended. If it was active, no adapter is active afterwards.
   *
   * @throws IllegalArgumentException if there is no such adapter, or if another one is made of it,
   *     such as a fusion
   * @throws IllegalStateException if it is merged at present, or being trained
   */
  public PeftModel remove(String name) {
    adapters.remove(name);
    return this;
  }

  /** The adapters by name, in the order they were added. */
  public Map<String, Adapter> adapters() {
    return adapters.byName();
  }

  /**
   * The adapter of this name.
   *
   * @throws IllegalArgumentException if there is none; the message lists the adapters
   */
  public Adapter adapter(String name) {
    return adapters.get(name);
  }

  /**
   * Makes these adapters the active ones, stacked in this order: {@link Composition#stack}. An
   * adapter that builds on others, such as a fusion, activates them too.
   */
  public PeftModel activate(String... names) {
    adapters.activate(List.of(names));
    return this;
  }

  /**
   * Makes a composition of adapters the active one.
   *
   * @throws IllegalArgumentException if there is no such adapter, or if their layers cannot be
   *     composed in this way; the message names them
   * @throws IllegalStateException if adapters are merged at present
   */
  public PeftModel activate(Composition composition) {
    adapters.activate(composition);
    return this;
  }

  /**
   * A view of this model that computes with a composition of adapters, whatever is active:
   *
   * <pre>{@code
   * List<Classifications> verdicts =
   *     model.using(Composition.perRow("news", "reviews")).classify(texts);
   * }</pre>
   *
   * <p>Names are looked up at each call of the view. While adapters are merged, a view still
   * computes with those that it names on the frozen weights.
   *
   * @throws IllegalArgumentException if there is no such adapter, or if their layers cannot be
   *     composed in this way; the message names them
   */
  public AdapterView using(Composition composition) {
    return new AdapterView(this, adapters, state -> composition);
  }

  /** A view that computes with these adapters, stacked in this order, as {@link #activate} does. */
  public AdapterView using(String... names) {
    List<String> stacked = List.of(names);
    return new AdapterView(this, adapters, state -> state.stack(stacked));
  }

  /** Starts a call with the active adapters. */
  @Override
  public ModelCall newCall() {
    return adapters.newCall();
  }

  /**
   * Starts the training of an adapter that is active and not frozen. Forward passes of the training
   * use the composition that is active now.
   *
   * @return the training, which the caller closes
   * @throws IllegalStateException if it is being trained already, or not active
   */
  public AdapterTraining train(String name) {
    return new AdapterTraining(this, training(name));
  }

  AdapterSet.Training training(String name) {
    return adapters.train(adapter(name));
  }

  /**
   * A copy of this model on another device, with copies of the adapters that compute in a
   * composition. It has the tokenizer of this model, which has to stay open.
   *
   * @throws IllegalStateException if the model cannot be copied; the message says why
   */
  PeftModel copy(Device device, Composition computing) {
    if (again == null) {
      throw new IllegalStateException(
          "%s was made of a TransformerModel, so that it cannot be loaded again on %s: load it by Peft.load or Peft.from to compute on several devices"
              .formatted(origin.name(), device));
    }
    TransformerModel frozen = again.apply(device);
    try {
      FrozenCopy.of(base, frozen);
      PeftModel copy = new PeftModel(frozen, words, origin, seed, embeddingsOfTexts(), again);
      adapters.byName().values().stream()
          .filter(adapter -> computing.adapters().contains(adapter.name()))
          .forEach(
              adapter -> {
                copy.adapters.add(copy.factory.copy(adapter), false);
                if (adapter.isFrozen()) {
                  copy.freeze(adapter.name());
                }
              });
      copy.activate(computing);
      return copy;
    } catch (RuntimeException | OutOfMemoryError e) {
      frozen.close();
      throw e;
    }
  }

  /** Frees what {@link #copy} made, and not what it shares with the model. */
  void closeCopy() {
    adapters.close();
  }

  /**
   * The logits of one batch with each adapter, computed in one pass.
   *
   * @param input the batch of B rows
   * @param names of adapters, each once
   * @return logits by adapter name, each of the shape that one adapter alone gives; the caller
   *     closes them
   */
  public Map<String, NDArray> logitsOfEach(ModelInput input, String... names) {
    NDArray all = using(Composition.parallel(names)).logits(input);
    try (all) {
      Map<String, NDArray> logits = new LinkedHashMap<>();
      NDList parts = all.split(names.length);
      for (int i = 0; i < names.length; i++) {
        logits.put(names[i], parts.get(i));
      }
      return logits;
    }
  }

  /**
   * Freezes an adapter, so that training does not change it while other adapters train. A frozen
   * adapter applies no dropout.
   */
  public PeftModel freeze(String name) {
    adapter(name).freeze(true);
    return this;
  }

  /** Lets an adapter be trained again. */
  public PeftModel unfreeze(String name) {
    adapter(name).freeze(false);
    return this;
  }

  /** The active composition. */
  public Composition active() {
    return adapters.active();
  }

  /** Switches all adapters off, so that the model computes the same as the frozen model. */
  public PeftModel disable() {
    adapters.disable();
    return this;
  }

  /** Switches the active adapters on again. */
  public PeftModel enable() {
    adapters.enable();
    return this;
  }

  /**
   * Merges the active adapters into the frozen weights, until {@link #unmerge}. The original
   * weights are kept in memory, so unmerging is exact. All merged weights are computed before any
   * is used; if one fails, nothing changes. Running calls finish with the weights that they started
   * with.
   *
   * @throws IllegalStateException if a layer of an active adapter cannot be merged, if an adapter
   *     is being trained, or if adapters are merged already
   */
  public PeftModel merge() {
    adapters.merge();
    return this;
  }

  /** Restores the original weights exactly. */
  public PeftModel unmerge() {
    adapters.unmerge();
    return this;
  }

  /** The current state of adapters and layers; printed, it is a table. */
  public ModelStatus status() {
    base.requireOpen();
    return ModelStatus.of(this);
  }

  /** Whether adapters are merged at present. */
  public boolean isMerged() {
    return adapters.isMerged();
  }

  /**
   * Merges the active adapters permanently and removes all adapters. It waits until running calls
   * have ended. Merged weights become plain numbers, also if they were kept in fewer bits before:
   * the log says what memory that takes. {@link #mergeAndQuantize} keeps them so.
   *
   * <p>It needs extra memory for one weight only. First each merged weight is computed and dropped,
   * so that a weight that cannot be merged fails before anything changes. Then the weights are
   * replaced one by one. Until the last is done, a temporary file keeps the original values, which
   * are restored if one fails.
   *
   * @return the plain model: this model's {@link #base}, which closes with it
   * @throws IllegalStateException if a layer of an active adapter cannot be merged, if an adapter
   *     is being trained, or if this thread is within a call
   */
  public TransformerModel mergeAndUnload() {
    adapters.settle(false);
    origin.change();
    return base;
  }

  /**
   * Merges the active adapters permanently as {@link #mergeAndUnload} does, and keeps merged
   * weights in fewer bits if they were kept so before. They are rounded again, which loses
   * something of the adapters; the log says how much.
   *
   * @return what the weights have lost
   * @throws IllegalStateException if no weight is kept in fewer bits, if a layer of an active
   *     adapter cannot be merged, if an adapter is being trained, or if this thread is within a
   *     call
   */
  public QuantizationError mergeAndQuantize() {
    base.requireOpen();
    if (base.parameters().noneMatch(ParameterSite::isQuantized)) {
      throw new IllegalStateException(
          "no weight of the model is kept in fewer bits; mergeAndUnload() merges plain weights");
    }
    QuantizationError error = adapters.settle(true);
    origin.change();
    return error;
  }

  /**
   * Saves the active adapter, or the only one, see {@link #save(String, Path)}.
   *
   * @throws IllegalStateException if several adapters are active, or none of several
   */
  public PeftModel save(String folder) {
    return save(adapters.only().name(), Path.of(folder));
  }

  /**
   * Saves an adapter as Hugging Face PEFT does: adapter_config.json and adapter_model.safetensors,
   * with its {@link Provenance} in a file of its own. Either all files are written or none: if the
   * disk is full, the folder keeps its former content.
   *
   * @param name of the adapter
   * @param folder which is made if it is not there
   * @throws java.io.UncheckedIOException if a file cannot be written
   */
  public PeftModel save(String name, Path folder) {
    try (FileGroup files = new FileGroup(folder)) {
      Adapter adapter = adapter(name);
      try (ModelCall reading = adapters.reading(List.of(adapter))) {
        new PeftFolder().write(files, adapter, base, provenance(adapter));
      }
    }
    return this;
  }

  /**
   * Saves an adapter as AdapterHub's library {@code adapters} does: adapter_config.json,
   * adapter.safetensors, and its head in files of its own.
   *
   * @param folder which is made if it is not there
   * @throws UnsupportedMethodException if the method cannot be saved in that library's format
   * @throws java.io.UncheckedIOException if a file cannot be written
   */
  public PeftModel saveAdapterHub(String name, Path folder) {
    try (FileGroup files = new FileGroup(folder)) {
      Adapter adapter = adapter(name);
      try (ModelCall reading = adapters.reading(List.of(adapter))) {
        new AdapterHubFolder().write(files, adapter, base, provenance(adapter));
      }
    }
    return this;
  }

  /**
   * Saves a LoRA adapter as a GGUF file, which llama.cpp and Ollama put on a GGUF file of the base
   * model, as llama.cpp's convert_lora_to_gguf.py does. The matrices have 32 bits.
   *
   * @param name of the adapter
   * @param file such as {@code adapter.gguf}
   * @throws UnsupportedMethodException if the adapter is no LoRA, or has something that such a file
   *     cannot express, such as DoRA, biases or modules to save; the message names it
   * @throws io.github.peft4j.transformer.config.UnsupportedModelException if GGUF has no such model
   * @throws java.io.UncheckedIOException if the file cannot be written
   */
  public PeftModel saveAdapterGguf(String name, Path file) {
    Adapter adapter = adapter(name);
    try (ModelCall reading = adapters.reading(List.of(adapter))) {
      GgufAdapter.write(adapter, base, file);
    }
    return this;
  }

  /** The provenance of an adapter, as {@link #save(String, Path)} would write it now. */
  public Provenance provenance(String name) {
    return provenance(adapter(name));
  }

  private Provenance provenance(Adapter adapter) {
    return origin.provenance(adapter, base.task());
  }

  /**
   * Saves the model with the active adapters merged into its weights, in files of at most 50 GB of
   * weights as transformers does. See {@link #saveMerged(Path, long)}.
   */
  public PeftModel saveMerged(String folder) {
    return saveMerged(Path.of(folder), ShardedWriter.LARGEST_SHARD);
  }

  /**
   * Saves the model with the active adapters merged into its weights as a plain Hugging Face
   * folder: config.json and model.safetensors, or shards and model.safetensors.index.json. It also
   * copies these files from the folder that the model was loaded from: tokenizer files, chat
   * templates, generation_config.json, processors, modules of sentence-transformers, licences.
   * Without such modules, or if the model was loaded with {@link Peft.Loader#embeddings}, they are
   * written as {@link #embeddingSettings} say, once texts have been embedded or trained on. Tensors
   * have the model's precision, and config.json says so. Weights in fewer bits are written as plain
   * numbers.
   *
   * <p>The model does not change: weights are merged one by one while they are written. Safetensors
   * of an earlier model in the folder are replaced or removed; a pickle stays, as readers prefer
   * safetensors. If writing fails, the folder is as it was.
   *
   * @param folder which is made if it is not there
   * @param largestShard the limit of the weights in one file in bytes; only a tensor that is larger
   *     exceeds it
   * @throws IllegalStateException if a layer of an active adapter cannot be merged
   * @throws java.io.UncheckedIOException if a file cannot be written
   */
  public PeftModel saveMerged(Path folder, long largestShard) {
    origin.beforeWriting(folder);
    CompanionFiles companions = companions();
    adapters.whileReading(
        merger -> ModelFiles.write(base, merger, companions, folder, largestShard));
    return this;
  }

  /**
   * Saves the model with the active adapters merged into its weights, without the weights that are
   * zero: for pruned models. The folder is that of {@link #saveMerged(Path, long)}, but for the
   * weights, which are in {@code model.sparse.safetensors}: each tensor as its values and a bit for
   * each element, or as it is where that is smaller. {@link Peft#load} reads it, and has exactly
   * the merged model. Transformers does not.
   *
   * @param folder which is made if it is not there
   * @throws IllegalStateException if a layer of an active adapter cannot be merged
   * @throws java.io.UncheckedIOException if a file cannot be written
   */
  public PeftModel saveSparse(String folder) {
    Path path = Path.of(folder);
    origin.beforeWriting(path);
    CompanionFiles companions = companions();
    adapters.whileReading(merger -> ModelFiles.writeSparse(base, merger, companions, path));
    return this;
  }

  /**
   * Saves the model with the active adapters merged into its weights as one GGUF file for llama.cpp
   * and Ollama, with tokenizer and chat template, as llama.cpp's convert_hf_to_gguf.py does. It is
   * for language models and encoders of the families that the page on GGUF lists. Of an encoder,
   * the file also says how states become the vector of a text, if {@link #embeddingSettings} are
   * known. Norms, biases and positions have 32 bits whatever the type is. The tables of tokens have
   * {@link GgufType#Q8_0} with {@link GgufType#Q4_0}, and {@link GgufType#Q6_K} with {@link
   * GgufType#Q4_K} and {@link GgufType#Q5_K}.
   *
   * <p>The model does not change: weights are merged one by one while they are written. If writing
   * fails, a former file stays as it was.
   *
   * @param file such as {@code model.gguf}
   * @param type of the weights: F32, F16, BF16, Q8_0, Q6_K, Q5_K, Q4_K or Q4_0
   * @throws io.github.peft4j.transformer.config.UnsupportedModelException if GGUF has no such model
   * @throws IllegalArgumentException if the type is another one, or a file cannot say what a field
   *     of config.json says; the message names the field
   * @throws IllegalStateException if a layer of an active adapter cannot be merged
   * @throws java.io.UncheckedIOException if the file cannot be written
   */
  public PeftModel saveGguf(Path file, GgufType type) {
    GgufPooling pooling =
        base.task().type() == Task.Type.FEATURE_EXTRACTION
            ? VectorPooling.stored(embeddingsOfTexts(), origin.name())
            : GgufPooling.UNSAID;
    origin.beforeWriting(file);
    adapters.whileReading(
        merger ->
            ModelFiles.writeGguf(
                base, merger, this::writeTokenizer, origin.name(), pooling, file, type));
    return this;
  }

  private void writeTokenizer(ModelConfig config, GgufMetadata.Builder metadata) {
    if (words == null) {
      metadata.string("tokenizer.ggml.model", "none");
      return;
    }
    Map<String, String> templates = new LinkedHashMap<>();
    ChatTemplate.find(words)
        .ifPresent(found -> found.names().forEach(each -> templates.put(each, found.text(each))));
    GgufVocabulary.write(words, config, templates, metadata);
  }

  /**
   * Saves the model without its adapters, in files of at most 50 GB of weights. See {@link
   * #saveBase(Path, long)}.
   */
  public PeftModel saveBase(String folder) {
    return saveBase(Path.of(folder), ShardedWriter.LARGEST_SHARD);
  }

  /**
   * Saves the model without its adapters as a plain Hugging Face folder, as {@link
   * #saveMerged(Path, long)} does with them: to turn a pickle into safetensors, to change the
   * precision or the size of the shards, or after {@link #mergeAndUnload}.
   *
   * <p>Weights that are kept as bitsandbytes keeps them (NF4, FP4, int8 by row) are written so,
   * with {@code quantization_config} in config.json: transformers and {@link Peft#load} read the
   * folder. Weights in fewer bits of other formats are written as plain numbers, and the log says
   * so.
   *
   * @throws java.io.UncheckedIOException if a file cannot be written
   */
  public PeftModel saveBase(Path folder, long largestShard) {
    origin.beforeWriting(folder);
    CompanionFiles companions = companions();
    adapters.whileReadingBase(
        merger -> ModelFiles.writeBase(base, merger, companions, folder, largestShard));
    return this;
  }

  /**
   * Saves the model with the active adapters merged into its weights as {@code model.onnx}, for
   * ONNX Runtime: encoders, and decoders for other tasks than generation. Beside it are config.json
   * and the files of the tokenizer, as {@link #saveMerged(Path, long)} writes them. Safetensors in
   * the folder stay.
   *
   * <p>Inputs are {@code input_ids}, {@code attention_mask} and, if the model has segments, {@code
   * token_type_ids}: int64 of any batch size and length (B, T). Outputs are, in 32 bits: {@code
   * logits} (B, classes), (B, T, classes) or (B, T, V); for question answering {@code start_logits}
   * and {@code end_logits} (B, T); for a model without a head {@code last_hidden_state} (B, T, D)
   * and, if it has settings of embeddings, {@code sentence_embedding} (B, D'). Operators are those
   * of opset 17.
   *
   * <p>Weights keep the model's precision; the graph computes in 32 bits. The weights of a model of
   * more than 2 GB are in a second file, {@code model.onnx.data}. The model does not change. If
   * writing fails, the folder is as it was.
   *
   * @param folder which is made if it is not there
   * @throws io.github.peft4j.transformer.config.UnsupportedModelException if the model generates
   *     texts, or has a part that is not written as ONNX; the message names it
   * @throws IllegalStateException if a layer of an active adapter cannot be merged
   * @throws java.io.UncheckedIOException if a file cannot be written
   */
  public PeftModel saveOnnx(String folder) {
    return saveOnnx(Path.of(folder));
  }

  /** Saves the merged model as {@code model.onnx}, see {@link #saveOnnx(String)}. */
  public PeftModel saveOnnx(Path folder) {
    OnnxModel onnx = new OnnxModel(base, embeddingsOfTexts());
    origin.beforeWriting(folder);
    CompanionFiles companions = companions();
    adapters.whileReading(merger -> ModelFiles.write(base, merger, companions, folder, onnx));
    return this;
  }

  private CompanionFiles companions() {
    EmbeddingSettings own = embeddingsToSave();
    return new CompanionFiles(
        origin.folder(), words, own == null ? null : files -> own.writeTo(files, base));
  }

  /**
   * Trainable parameter counts, total and per module, as PEFT's {@code print_trainable_parameters}
   * gives them.
   */
  public TrainableParameters trainableParameters() {
    return TrainableParameters.of(this);
  }

  /** The trainable tensors of the active adapters that are not frozen, each once. */
  public List<Trainable> trainables() {
    return adapters.trainables();
  }

  /**
   * Closes the model after running calls have ended; later calls are refused. A training ends with
   * an error before its next step, and the memory that it uses is freed then.
   *
   * @throws IllegalStateException if this thread is within a call
   */
  @Override
  public void close() {
    adapters.close();
    super.close();
  }

  @Override
  public String toString() {
    return base.toString() + adapters;
  }
}
