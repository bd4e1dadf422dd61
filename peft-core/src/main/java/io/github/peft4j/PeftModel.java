package io.github.peft4j;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.adapter.AdapterFactory;
import io.github.peft4j.adapter.AdapterSet;
import io.github.peft4j.adapter.BaseModelOrigin;
import io.github.peft4j.adapter.Provenance;
import io.github.peft4j.adapter.adapterhub.AdapterHubFolder;
import io.github.peft4j.adapter.combine.Combination;
import io.github.peft4j.adapter.combine.Combiner;
import io.github.peft4j.adapter.files.CompanionFiles;
import io.github.peft4j.adapter.files.ModelFiles;
import io.github.peft4j.adapter.files.PeftFolder;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.io.FileGroup;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.Trainable;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A frozen model with adapters on it.
 *
 * <p>Adapters are added by {@link #adapt} (fresh) or {@link #loadAdapter} (from a folder), each
 * under a name. {@link #activate} says what calls compute with that name no adapter; {@link #using}
 * gives a view that computes with adapters of its own, whatever is active.
 *
 * <p>The model is a DJL block, so that DJL's {@code Model}, {@code Predictor} and {@code
 * Translator} take it. Its inputs are int64: token ids (B, T); optionally a mask (B, T), 1 for
 * tokens and 0 for padding; optionally segment ids (B, T), or, of an encoder-decoder, what the
 * decoder reads (B, U). Its output are logits: (B, classes) for texts, (B, T, classes) for tokens,
 * (B, T, V) of a language model, (B, U, V) of an encoder-decoder.
 *
 * <p>Any number of threads may compute, also with different adapters, and others may load, rename,
 * remove, merge or train adapters meanwhile: a call goes on with what it began with, and what was
 * removed is freed when the last call that uses it has ended.
 */
public final class PeftModel extends LoadedModel {

  /** The name of an adapter that is given none, as in Hugging Face PEFT. */
  public static final String DEFAULT = "default";

  private final TransformerModel base;
  private final BaseModelOrigin origin;
  private final CompanionFiles companions;
  private final AdapterFactory factory;
  private final AdapterSet adapters;

  /**
   * Wraps a model.
   *
   * @param tokenizer of the model, or null if texts are not needed; closed with the model
   * @param origin where the model came from: {@code base_model_name_or_path} in adapter files
   * @param seed of new adapters' random tensors
   * @param hash computes the fingerprint of the model's weights, see {@link
   *     io.github.peft4j.io.TensorHash}; called once, when an adapter's files first need it
   */
  public PeftModel(
      TransformerModel base,
      @Nullable Tokenizer tokenizer,
      String origin,
      long seed,
      Supplier<String> hash) {
    this(base, tokenizer, new BaseModelOrigin(origin, null, hash), seed);
  }

  /** Wraps a model, as the public constructor does. */
  PeftModel(
      TransformerModel base, @Nullable Tokenizer tokenizer, BaseModelOrigin origin, long seed) {
    super(base, tokenizer, origin);
    this.base = base;
    this.origin = origin;
    this.companions = new CompanionFiles(origin.folder(), tokenizer);
    AdapterSet set = new AdapterSet(base);
    this.factory =
        new AdapterFactory(
            base,
            tokenizer,
            origin.name(),
            seed,
            List.of(new AdapterHubFolder(), new PeftFolder()),
            set::layers);
    this.adapters = set;
  }

  /**
   * Adds a fresh adapter called {@value #DEFAULT} and makes it the active one; otherwise as {@link
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
   * @throws IllegalArgumentException if the name is taken, or the config does not fit the model,
   *     saying what does not
   * @throws IllegalStateException if adapters are merged at present
   */
  public PeftModel adapt(String name, PeftConfig config) {
    adapters.requireFree(name);
    adapters.requireUnmerged();
    adapters.add(factory.fresh(name, config), true);
    return this;
  }

  /**
   * Loads an adapter from a folder as {@value #DEFAULT} and makes it the active one, as Hugging
   * Face PEFT's {@code PeftModel.from_pretrained} does; in all else as {@link #loadAdapter(String,
   * Path)}.
   *
   * @throws IllegalStateException if adapters are merged at present
   */
  public PeftModel loadAdapter(String folder) {
    adapters.requireUnmerged();
    return loadAdapter(DEFAULT, Path.of(folder), true);
  }

  /**
   * Loads an adapter that peft4j, Hugging Face PEFT or AdapterHub's library saved. The first
   * adapter of a model becomes active; later ones change nothing about what is active, as Hugging
   * Face PEFT's {@code load_adapter}. If its {@link Provenance} names another base model than this
   * one by hash, a warning is logged. If it has a classifier, the rows are put into the order of
   * this model's labels; where its files name no labels, the order is taken on trust, with a
   * warning if it was named by {@link io.github.peft4j.transformer.config.Task} and not by
   * config.json.
   *
   * @param name of the adapter; not yet taken
   * @param folder with adapter_config.json and adapter_model.safetensors, or AdapterHub's
   *     adapter.safetensors or pytorch_adapter.bin
   * @return this model
   * @throws IllegalArgumentException if the name is taken, or the adapter does not fit, listing
   *     what does not; or if its classifier has other classes than the model's, naming both
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
          origin.compare(folder, known);
        });
    adapters.add(adapter, active);
    return this;
  }

  /**
   * Makes one new adapter of several; those stay as they are, and so does what is active.
   *
   * @param name of the new adapter; not yet taken
   * @throws IllegalArgumentException if an adapter is no change of weights, saying which
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
   * Renames an adapter. Its tensors, whether it is active, frozen or being trained, and the
   * compositions that are active stay as they are; its files hold no name but that of their folder.
   *
   * @param other not yet taken
   * @throws IllegalArgumentException if another adapter is made of it by name, as a fusion is,
   *     whose files would name one that is not there
   */
  public PeftModel rename(String name, String other) {
    adapters.rename(name, other);
    return this;
  }

  /**
   * Takes an adapter away. Calls that compute with it go on; its tensors are freed when the last of
   * them has ended. If it was active, no adapter is active afterwards.
   *
   * @throws IllegalArgumentException if there is no such adapter
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
   * @throws IllegalArgumentException naming those there are
   */
  public Adapter adapter(String name) {
    return adapters.get(name);
  }

  /**
   * Makes these adapters the active ones, stacked in this order: {@link Composition#stack}. An
   * adapter that is made on others, as a fusion is, brings them along.
   */
  public PeftModel activate(String... names) {
    adapters.activate(List.of(names));
    return this;
  }

  /**
   * Makes a composition of adapters the active one.
   *
   * @throws IllegalArgumentException if there is no such adapter, or if their layers cannot be
   *     composed so, saying which
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
   *     composed so, saying which
   */
  public AdapterView using(Composition composition) {
    return new AdapterView(this, adapters, state -> composition);
  }

  /** A view that computes with these adapters, stacked in this order, as {@link #activate} does. */
  public AdapterView using(String... names) {
    List<String> stacked = List.of(names);
    return new AdapterView(this, adapters, state -> state.stack(stacked));
  }

  /** Begins a call with the active adapters. */
  @Override
  public ModelCall newCall() {
    return adapters.newCall();
  }

  /**
   * Begins the training of an adapter that is active and not frozen, with what is active now.
   *
   * @return what trains it, which the caller closes
   * @throws IllegalStateException if it is being trained already, or not active
   */
  public AdapterTraining train(String name) {
    return new AdapterTraining(this, adapters.train(adapter(name)));
  }

  /**
   * The logits of one batch with each adapter, computed in one pass.
   *
   * @param input the batch of B rows
   * @param names of adapters, each once
   * @return logits by adapter, of the shape that they have with one; the caller closes them
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
   * Keeps training from changing an adapter, while others are trained on top of it or beside it. A
   * frozen adapter drops nothing out.
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

  /** Which adapters are active. */
  public Composition active() {
    return adapters.active();
  }

  /** Switches all adapters off: the model computes what the frozen model computes. */
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
   * Writes the active adapters into the frozen weights, until {@link #unmerge}. The former weights
   * stay beside them, so that unmerging is exact. All merged weights are computed before one is
   * used; if one cannot be, nothing changes. Calls that run go on with the weights that they began
   * with.
   *
   * @throws IllegalStateException if a layer of an active adapter cannot be merged, if one is being
   *     trained, or if adapters are merged already
   */
  public PeftModel merge() {
    adapters.merge();
    return this;
  }

  /** Takes merged adapters out of the weights again, exactly. */
  public PeftModel unmerge() {
    adapters.unmerge();
    return this;
  }

  /** The adapters with what they do at present, as a table. */
  public ModelStatus status() {
    base.requireOpen();
    return ModelStatus.of(this);
  }

  /** Whether adapters are merged at present. */
  public boolean isMerged() {
    return adapters.isMerged();
  }

  /**
   * Merges the active adapters for good and takes all adapters away, when the calls that run have
   * ended. It takes the memory of one weight: every merged weight is computed and dropped first, so
   * that what cannot be merged fails before anything is changed; then one after the other takes the
   * place of the frozen one. Former values are kept in a temporary file until the last, and brought
   * back if one fails.
   *
   * @return the plain model, which is this model's base and closes with it
   * @throws IllegalStateException if a layer of an active adapter cannot be merged, if an adapter
   *     is being trained, or within a call of this thread
   */
  public TransformerModel mergeAndUnload() {
    adapters.settle();
    origin.change();
    return base;
  }

  /**
   * Saves the active adapter, or the only one; otherwise as {@link #save(String, Path)}.
   *
   * @throws IllegalStateException if it is not clear which one is meant
   */
  public PeftModel save(String folder) {
    return save(adapters.only().name(), Path.of(folder));
  }

  /**
   * Saves an adapter as Hugging Face PEFT does: adapter_config.json, adapter_model.safetensors; and
   * beside them where it comes from, see {@link Provenance}. All files are written or none: if the
   * disk is full, what was in the folder is unchanged.
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
   * @throws UnsupportedMethodException if that library's files of the method are not supported
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

  /** Where an adapter comes from, as it would be saved now. */
  public Provenance provenance(String name) {
    return provenance(adapter(name));
  }

  private Provenance provenance(Adapter adapter) {
    return origin.provenance(adapter, base.task().labels());
  }

  /**
   * Saves the model with the active adapters merged into its weights as a plain Hugging Face
   * folder: config.json, model.safetensors, and what the folder that it was loaded from has besides
   * for its use: files of the tokenizer, chat templates, generation_config.json, processors, the
   * modules of sentence-transformers, licences. The model is not changed: weights are merged one
   * after the other while they are written. Shards of a former model in the folder, which readers
   * would take for this one's, are deleted at the end.
   *
   * @throws IllegalStateException if a layer of an active adapter cannot be merged
   */
  public PeftModel saveMerged(String folder) {
    Path target = Path.of(folder);
    origin.beforeWriting(target);
    adapters.whileReading(merger -> ModelFiles.write(base, merger, companions, target));
    return this;
  }

  /** What is trained, by module, as people know it from print_trainable_parameters. */
  public TrainableParameters trainableParameters() {
    return TrainableParameters.of(this);
  }

  /** The trained tensors of the active adapters that are not frozen, each once. */
  public List<Trainable> trainables() {
    return adapters.trainables();
  }

  /**
   * Closes the model when the calls that run have ended; later ones are refused. A training ends
   * with an error before its next step, and what it uses is freed then.
   *
   * @throws IllegalStateException within a call of this thread
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
