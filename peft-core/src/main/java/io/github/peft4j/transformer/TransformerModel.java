package io.github.peft4j.transformer;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.device.Homes;
import io.github.peft4j.transformer.block.Body;
import io.github.peft4j.transformer.block.NamedBlock;
import io.github.peft4j.transformer.block.Stack;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.head.Head;
import io.github.peft4j.transformer.head.LanguageModelHead;
import io.github.peft4j.transformer.pass.IdRange;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.Calls;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.ActiveAdapters;
import io.github.peft4j.tuner.site.AdapterLayers;
import io.github.peft4j.tuner.site.EmbeddingSite;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Site;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A frozen transformer with a task head: a DJL block whose child blocks have Hugging Face's module
 * names.
 *
 * <p>As a DJL block it takes token ids (B, T), optionally a mask (B, T), and optionally segment ids
 * (B, T) or, for an encoder-decoder, the decoder's input ids (B, U). It returns logits. It does not
 * refer to adapters: each {@link Pass} brings them. Any number of threads may use it.
 */
public final class TransformerModel extends NamedBlock implements AdaptedModel, AutoCloseable {

  private static final Kernel LAST =
      Kernel.of(
          """
          def last(x: Tensor) -> Tensor:                         # (B, T, D) → (B, 1, D)
              return torch.narrow(x, 1, torch.size(x, 1) - 1, 1)
          """);
  private static final Kernel FLATTEN =
      Kernel.of(
          """
          def flatten(logits: Tensor) -> Tensor:                 # (B, 1, V) → (B, V)
              return torch.squeeze(logits, 1)
          """);

  private volatile ModelConfig config;
  private volatile boolean resized;
  private final Task task;
  private final Names names;
  private final Homes homes;
  private final Precision precision;
  private final Body body;
  private final Head head;
  private final List<Site<?, ?>> allSites;
  private final Calls calls = new Calls();
  private final Calls.Resource resource;
  private final Recorder recorder;
  private final RepeatedSteps steps = new RepeatedSteps(this);

  /**
   * Hugging Face's names of a model.
   *
   * @param architecture the class of the model with head, such as {@code LlamaForCausalLM}
   * @param bodyPrefix the prefix of names of the body's modules, such as {@code "model."}
   * @param others prefixes of tensors of the checkpoint that are other parts of a larger model,
   *     which is saved with them
   */
  public record Names(String architecture, String bodyPrefix, List<String> others) {}

  public TransformerModel(
      ModelConfig config,
      Task task,
      Names names,
      Homes homes,
      Precision precision,
      Body body,
      Head head) {
    super("");
    this.config = config;
    this.task = task;
    this.names = names;
    this.homes = homes;
    this.precision = precision;
    this.body = body;
    this.head = head;
    body.stacks().forEach(this::part);
    part(head);
    this.allSites = sites().toList();
    this.resource = calls.resource("the model", this::free);
    this.recorder = homes.isSingle() ? Recorder.of(device()) : Recorder.PLAIN;
    calls.onChange(steps::forget);
  }

  /**
   * The last hidden state (B, T, D), or (n · B, T, D) if the composition has n adapters in
   * parallel.
   *
   * @throws IllegalArgumentException if an id is not in the vocabulary, or if there are more tokens
   *     than positions
   */
  public NDArray hidden(ModelInput input, Pass pass) {
    requireOpen();
    input.requireKnownIds(config);
    return hiddenOfReplicas(repeated(input, pass), pass);
  }

  /** The last hidden states of the frozen model, or of its encoder, with nothing recorded. */
  private NDArray frozenStates(ModelInput input, Pass pass) {
    return Autograd.without(
        () -> {
          try (Pass plain = Pass.inference(ActiveAdapters.NONE);
              Scope scope = new Scope()) {
            Stack first = body.stacks().get(0);
            return scope.keep(
                first.forward(input, pass.isLeftPadded() ? plain.leftPadded() : plain));
          }
        });
  }

  private static ModelInput repeated(ModelInput input, Pass pass) {
    return input.repeat(pass.adapters().composition().replicas());
  }

  private NDArray hiddenOfReplicas(ModelInput input, Pass pass) {
    requireOpen();
    if (input.texts() != null) {
      requirePackable(pass.adapters());
    }
    pass.begin(input, () -> frozenStates(input, pass));
    pass.compute();
    return body.forward(input, pass);
  }

  /** Returns this model, whose calls compute without adapters. */
  @Override
  public TransformerModel base() {
    return this;
  }

  @Override
  public ModelCall newCall() {
    return newCall(ActiveAdapters.NONE, List.of())
        .orElseThrow(() -> new IllegalStateException("the model is being changed"));
  }

  /**
   * Starts a call.
   *
   * @param resources the resources that hold the adapters' tensors
   * @return empty if a resource is retired
   * @throws IllegalStateException if the model is closed
   */
  public Optional<ModelCall> newCall(ActiveAdapters adapters, List<Calls.Resource> resources) {
    List<Calls.Resource> all = new ArrayList<>(resources);
    all.add(resource);
    Optional<Calls.Call> call = calls.use(all);
    if (call.isEmpty()) {
      requireOpen();
    }
    return call.map(held -> new ModelCall(this, adapters, held));
  }

  /** The running calls of this model. */
  public Calls calls() {
    return calls;
  }

  /** The resource that every call uses. A call that owns it has exclusive access to the model. */
  public Calls.Resource resource() {
    return resource;
  }

  /** Logits of the frozen model in inference, see {@link #logits(ModelInput, Pass)}. */
  public NDArray logits(ModelInput input) {
    try (ModelCall call = newCall()) {
      return call.logits(input);
    }
  }

  /**
   * Logits in inference: (B, classes) for sequence classification, (B, T, classes) for token
   * classification, (B, T, V) for a causal language model, (B, U, V) for an encoder-decoder.
   *
   * @throws IllegalArgumentException if an id is not in the vocabulary, or if there are more tokens
   *     than positions
   */
  public NDArray logits(ModelInput input, Pass pass) {
    requireOpen();
    return Autograd.without(
        () -> {
          try (Scope scope = new Scope()) {
            return scope.keep(head.logits(hidden(input, pass), pass));
          }
        });
  }

  /**
   * Logits (B, V) in inference for the token after the last one. The head computes the last
   * position only, which saves time and memory with long prompts.
   *
   * @param input ids (B, T); any padding is on the left
   * @param pass an inference pass; its cache, if it has one, holds the input's positions afterwards
   * @throws IllegalArgumentException if an id is not in the vocabulary
   */
  public NDArray nextLogits(ModelInput input, Pass pass) {
    requireOpen();
    input.requireKnownIds(config);
    return nextOfReplicas(repeated(input, pass), pass);
  }

  /** Like {@link #nextLogits}, for a batch that is replicated already and whose ids are known. */
  NDArray nextOfReplicas(ModelInput input, Pass pass) {
    return Autograd.without(
        () -> {
          try (Scope scope = new Scope()) {
            NDArray last = LAST.call(hiddenOfReplicas(input, pass));
            return scope.keep(FLATTEN.call(head.logits(last, pass)));
          }
        });
  }

  /**
   * Starts generating a text for each prompt. With adapters in parallel, each adapter generates a
   * text for every prompt: first the texts of the first adapter, then those of the second, …
   *
   * @param prompts at least one prompt of at least one id each; a decoder continues it, an encoder
   *     reads it
   * @param padId the id that pads short rows
   * @param adapters the adapters; they have to live as long as the decoding
   * @throws IllegalArgumentException if an id is not in the vocabulary
   */
  public Decoding decode(List<long[]> prompts, long padId, ActiveAdapters adapters) {
    if (prompts.isEmpty() || prompts.stream().anyMatch(ids -> ids.length == 0)) {
      throw new IllegalArgumentException(
          "prompts have "
              + prompts.stream().map(ids -> ids.length).toList()
              + " ids; expected one prompt or more with one id or more in each");
    }
    IdRange.require("prompts", prompts.toArray(long[][]::new), "vocab_size", config);
    IdRange.require("padId", new long[][] {{padId}}, "vocab_size", config);
    List<long[]> rows = new ArrayList<>();
    for (int i = 0; i < adapters.composition().replicas(); i++) {
      rows.addAll(prompts);
    }
    return new Decoding(this, body.open(rows, config), padId, adapters);
  }

  /**
   * Checks that rows may hold several texts.
   *
   * @throws IllegalArgumentException if a layer of an adapter needs each row to be one text; the
   *     message says why
   */
  public void requirePackable(ActiveAdapters adapters) {
    adapters.all().stream()
        .map(TunerLayer::whyOneTextPerRow)
        .filter(Objects::nonNull)
        .findFirst()
        .ifPresent(
            reason -> {
              throw new IllegalArgumentException(
                  "rows may not hold several texts: "
                      + reason
                      + "; give each text a row (train without packing)");
            });
  }

  /**
   * Checks that the model is open.
   *
   * @throws IllegalStateException if the model is closed
   */
  public void requireOpen() {
    if (resource.isRetired()) {
      throw new IllegalStateException("the model is closed; load it again");
    }
  }

  /**
   * Prefixes of the names of tensors that belong to other parts of the model that this one is a
   * part of, such as its images.
   */
  public List<String> others() {
    return names.others();
  }

  /**
   * Gives the token tables of the input and of a language model's output another number of rows,
   * see {@link TokenTables}, and sets {@code vocab_size}. The caller owns {@link #resource}, and no
   * adapter may be on the model. If it fails, nothing changes.
   *
   * @param rows number of tokens, above 0
   * @param seed of the new rows
   */
  public void resizeTokens(int rows, long seed) {
    TokenTables tables = new TokenTables(this, rows, seed);
    ModelConfig changed = config.with("vocab_size", new JsonPrimitive(rows));
    if (config.has("decoder_vocab_size")) { // Marian: both sides share the table
      changed = changed.with("decoder_vocab_size", new JsonPrimitive(rows));
    }
    tables.use();
    config = changed;
    resized = true;
  }

  /** Whether the token tables have another number of rows than those of the checkpoint. */
  public boolean isResized() {
    return resized;
  }

  /**
   * Moves the tables of input embeddings to the host's memory, where the GPU reads the rows that it
   * needs. A table that the head reads, too, stays on the GPU.
   *
   * @return whether a table was moved
   */
  public boolean offloadEmbeddings() {
    Set<EmbeddingSite> ofHead =
        head.sites()
            .filter(LinearSite.class::isInstance)
            .flatMap(site -> ((LinearSite) site).table().stream())
            .collect(Collectors.toSet());
    return body.stacks().stream()
            .map(stack -> stack.tokens().site())
            .distinct()
            .filter(table -> !ofHead.contains(table))
            .filter(table -> table.weight().offload())
            .count()
        > 0;
  }

  /** The head. */
  public Head head() {
    return head;
  }

  /** The model's config.json. */
  public ModelConfig config() {
    return config;
  }

  /** The model's task. */
  public Task task() {
    return task;
  }

  /** The device that holds the model, or the main one of several. */
  public Device device() {
    return homes.main().device();
  }

  /** The device of each module. */
  public Homes homes() {
    return homes;
  }

  /** Where it is, such as {@code gpu(0), model.layers.12 to model.layers.31 on gpu(1)}. */
  public String place() {
    return homes.toString();
  }

  /** The precision that the model computes in. */
  public Precision precision() {
    return precision;
  }

  /** The manager of the arrays of the main device, which can also create input arrays. */
  public NDManager manager() {
    return homes.main().manager();
  }

  /**
   * The largest number of tokens, virtual ones included. It is one million if the model has no
   * limit, as with relative positions.
   */
  public long maxPositions() {
    return body.stacks().stream().mapToLong(Stack::maxPositions).min().orElseThrow();
  }

  /**
   * Whether passes with inputs of the same shapes launch the same kernels on the same tensors, if
   * these adapters compute. A CUDA graph of one can stand for the others then.
   */
  public boolean isRepeatable(ActiveAdapters adapters) {
    return isRepeatable() && adapters.isRepeatable();
  }

  /** Whether cached keys of a text are wrong once it has grown to so many positions. */
  boolean outdates(long before, long after) {
    return body.stacks().stream().anyMatch(stack -> stack.outdates(before, after));
  }

  /** Whether texts of both numbers of positions are rotated by the same tables. */
  boolean hasConstantRotations(long before, long after) {
    return body.stacks().stream().allMatch(stack -> stack.hasConstantRotations(before, after));
  }

  /** Runs what is repeated. */
  Recorder recorder() {
    return recorder;
  }

  /** The repeated steps that no generation uses. */
  RepeatedSteps steps() {
    return steps;
  }

  /**
   * The largest number of tokens of a text: the positions that adapters leave.
   *
   * @throws IllegalArgumentException if virtual tokens leave no position
   */
  public long room(ActiveAdapters adapters) {
    long virtual =
        body.stacks().stream().mapToLong(s -> s.positionsTaken(adapters)).max().orElse(0);
    long room = maxPositions() - virtual;
    if (room < 1) {
      throw new IllegalArgumentException(
          "the virtual tokens of the active adapters take "
              + virtual
              + " positions, but the model has "
              + maxPositions()
              + " in all; take fewer virtual tokens");
    }
    return room;
  }

  /**
   * The id that pads texts: {@code pad_token_id} of config.json. A decoder that classifies texts
   * finds the ends of texts by it.
   *
   * @param otherwise the tokenizer's id, used if config.json has none in the vocabulary. If this id
   *     is not in the vocabulary either, the result is 0: padding is masked, so any id works
   */
  public long padId(long otherwise) {
    long size = config.size("vocab_size");
    return LongStream.of(config.integer("pad_token_id", -1), otherwise)
        .filter(id -> 0 <= id && id < size)
        .findFirst()
        .orElse(0);
  }

  /**
   * The input ids of an encoder-decoder's decoder in training: the start token, or for mBART the
   * last token, and all labels except the last.
   *
   * @param labels [B][U], {@link LossTargets#IGNORED} for tokens without a label
   */
  public long[][] shiftRight(long[][] labels) {
    return body.shiftRight(labels, config);
  }

  /**
   * The number of labels that count in the loss. A language model predicts each token from those
   * before it, so the first label of a row counts only if adapters prepend virtual tokens.
   */
  public long count(LossTargets targets, ActiveAdapters adapters) {
    return labels(targets, adapters).count();
  }

  /** The labels that count in the loss, see {@link #count}; none if outputs have no labels. */
  public LossTargets.Rows labels(LossTargets targets, ActiveAdapters adapters) {
    return targets instanceof LossTargets.None
        ? LossTargets.Rows.NONE
        : head.targets(targets, virtualTokens(adapters));
  }

  /** The number of virtual tokens that adapters put in front of each row that the head reads. */
  public long virtualTokens(ActiveAdapters adapters) {
    List<Stack> stacks = body.stacks();
    return stacks.get(stacks.size() - 1).virtualTokens(adapters);
  }

  /**
   * Resolves a composition.
   *
   * @param layers the layers of each adapter in the composition, by adapter name
   * @throws IllegalArgumentException if layers cannot be composed in this way; the message names
   *     them
   */
  public ActiveAdapters resolve(Composition composition, Map<String, AdapterLayers> layers) {
    ActiveAdapters active = ActiveAdapters.of(composition, layers, allSites);
    body.stacks().forEach(stack -> stack.virtualTokens(active)); // checks
    return active;
  }

  /** The frozen tensors, in the model's order. A tied tensor occurs once. */
  public Stream<ParameterSite> parameters() {
    return sites().filter(ParameterSite.class::isInstance).map(ParameterSite.class::cast);
  }

  /**
   * Weights that share another weight's memory and have to be saved separately once adapters are
   * merged into one of the two.
   *
   * @param changes whether merging changes a tensor
   */
  public Stream<ParameterSite> untied(Predicate<ParameterSite> changes) {
    return sites()
        .filter(LinearSite.class::isInstance)
        .map(LinearSite.class::cast)
        .filter(
            map ->
                map.table()
                    .filter(table -> changes.test(map.weight()) || changes.test(table.weight()))
                    .isPresent())
        .map(LinearSite::weight);
  }

  /**
   * Tensors that transformers has under a second name if {@code tie_word_embeddings} is false: the
   * token tables of BART's encoder and decoder, and the output bias of masked language models.
   */
  public Map<String, ParameterSite> secondNames() {
    Map<String, ParameterSite> names = new LinkedHashMap<>();
    sites()
        .filter(InputSite.class::isInstance)
        .map(InputSite.class::cast)
        .filter(input -> input.alias() != null)
        .forEach(input -> names.put(input.alias() + ".weight", input.embedding().weight()));
    if (head instanceof LanguageModelHead language) {
      language
          .bias()
          .filter(bias -> !bias.isBuffer())
          .ifPresent(bias -> names.put(language.outputName() + ".bias", bias));
    }
    parameters().map(ParameterSite::name).forEach(names::remove);
    return names;
  }

  /** The class of the model with head in transformers, such as {@code LlamaForCausalLM}. */
  public String architecture() {
    return names.architecture();
  }

  /**
   * The prefix of names of the body's modules, such as {@code "model."}; empty for some families.
   */
  public String bodyPrefix() {
    return names.bodyPrefix();
  }

  /** The number of elements of the frozen tensors without constants; shared tensors count once. */
  public long size() {
    return parameters()
        .filter(parameter -> !parameter.isBuffer())
        .mapToLong(parameter -> parameter.shape().size())
        .sum();
  }

  /** The site with this class and name, or null. */
  public <S extends Site<?, ?>> @Nullable S site(Class<S> type, String name) {
    return sites()
        .filter(type::isInstance)
        .map(type::cast)
        .filter(site -> site.name().equals(name))
        .findFirst()
        .orElse(null);
  }

  @Override
  protected NDList forwardInternal(
      ParameterStore store, NDList inputs, boolean training, PairList<String, Object> params) {
    try (ModelCall call = newCall()) {
      return call.logits(inputs);
    }
  }

  /** Converts the input of a DJL block. */
  ModelInput input(NDList inputs) {
    if (inputs.isEmpty() || inputs.size() > 3) {
      throw new IllegalArgumentException(
          inputs.size() + " arrays given; expected ids (B, T), and after them mask and segments");
    }
    NDArray ids = inputs.get(0);
    NDArray mask = inputs.size() > 1 ? inputs.get(1) : null;
    NDArray third = inputs.size() > 2 ? inputs.get(2) : null;
    boolean reads = task.type() == Task.Type.SEQ_2_SEQ_LM;
    return new ModelInput(ids, mask, reads ? null : third, reads ? third : null);
  }

  @Override
  public Shape[] getOutputShapes(Shape[] inputShapes) {
    return new Shape[] {head.logitsShape(inputShapes[0])};
  }

  /**
   * Closes the model after running calls have ended; later calls are refused.
   *
   * @throws IllegalStateException if this thread is within a call
   */
  @Override
  public void close() {
    calls.retire(resource, "close the model");
  }

  private void free() {
    steps.close();
    body.stacks().forEach(Stack::close);
    homes.close();
  }

  @Override
  public String toString() {
    return String.format(
        "%s, %,d parameters, %s on %s for %s",
        config.text("model_type", "?"), size(), precision, homes, task.type());
  }
}
