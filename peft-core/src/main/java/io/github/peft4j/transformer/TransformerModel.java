package io.github.peft4j.transformer;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.transformer.block.Body;
import io.github.peft4j.transformer.block.Head;
import io.github.peft4j.transformer.block.NamedBlock;
import io.github.peft4j.transformer.block.Stack;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.Calls;
import io.github.peft4j.tuner.site.ActiveAdapters;
import io.github.peft4j.tuner.site.AdapterLayers;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Site;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A frozen transformer with a task head: a DJL block whose parts have Hugging Face's module names.
 *
 * <p>As a DJL block it takes token ids (B, T), optionally a mask (B, T) and segment ids (B, T) (an
 * encoder-decoder: the decoder's tokens (B, U)), and gives logits. It knows nothing of adapters:
 * those that compute come with each {@link Pass}. Any number of threads may use it.
 */
public final class TransformerModel extends NamedBlock implements AdaptedModel, AutoCloseable {

  private static final int UNBOUNDED = 1 << 20;

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

  private final ModelConfig config;
  private final Task task;
  private final Names names;
  private final NDManager manager;
  private final Precision precision;
  private final Body body;
  private final Head head;
  private final List<Site<?, ?>> allSites;
  private final Calls calls = new Calls();
  private final Calls.Resource resource;

  /**
   * Hugging Face's names.
   *
   * @param architecture the class of the model with its head, such as {@code LlamaForCausalLM}
   * @param bodyPrefix what the names of the body's modules begin with, such as {@code "model."}
   */
  public record Names(String architecture, String bodyPrefix) {}

  public TransformerModel(
      ModelConfig config,
      Task task,
      Names names,
      NDManager manager,
      Precision precision,
      Body body,
      Head head) {
    super("");
    this.config = config;
    this.task = task;
    this.names = names;
    this.manager = manager;
    this.precision = precision;
    this.body = body;
    this.head = head;
    body.stacks().forEach(this::part);
    part(head);
    this.allSites = sites().toList();
    this.resource = calls.resource("the model", this::free);
  }

  /**
   * The last hidden state (B, T, D); (n · B, T, D) where the pass's composition runs the batch
   * through n adapters in parallel.
   */
  public NDArray hidden(ModelInput input, Pass pass) {
    return hiddenOfReplicas(repeated(input, pass), pass);
  }

  private static ModelInput repeated(ModelInput input, Pass pass) {
    return input.repeat(pass.adapters().composition().replicas());
  }

  private NDArray hiddenOfReplicas(ModelInput input, Pass pass) {
    requireOpen();
    pass.compute();
    return body.forward(input, pass);
  }

  /** This model: its calls compute without adapters. */
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
   * Begins a call.
   *
   * @param resources what the adapters' tensors belong to
   * @return nothing if one of them is gone
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

  /** The calls that run on this model. */
  public Calls calls() {
    return calls;
  }

  /** What every call uses; who owns it has the model for himself. */
  public Calls.Resource resource() {
    return resource;
  }

  /** Logits of the frozen model in inference: (B, V) for a class each, (B, T, V) for tokens. */
  public NDArray logits(ModelInput input) {
    try (ModelCall call = newCall()) {
      return call.logits(input);
    }
  }

  /**
   * Logits of a pass of inference.
   *
   * @throws IllegalArgumentException if an id is none of the model's, or if there are more tokens
   *     than positions
   */
  public NDArray logits(ModelInput input, Pass pass) {
    requireOpen();
    return Autograd.without(
        () -> {
          try (Scope scope = new Scope()) {
            input.requireKnownIds(config);
            return scope.keep(head.logits(hidden(input, pass), pass));
          }
        });
  }

  /**
   * Logits for the token after the last one, in inference: (B, V). Only the last position goes
   * through the head, so that a long prompt costs no logits that nobody reads.
   *
   * @param input ids (B, T), padded on the left if at all
   * @param pass of inference; its cache, if it has one, holds the input's positions afterwards
   */
  public NDArray nextLogits(ModelInput input, Pass pass) {
    return nextOfReplicas(repeated(input, pass), pass);
  }

  /** {@link #nextLogits} of a batch that is replicated already. */
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
   * Begins to write a text for each prompt. Adapters in parallel write a text each for all prompts:
   * the first adapter's come first, then the second's, …
   *
   * @param prompts one at least, of ids, one at least in each: to be gone on from, or for an
   *     encoder to read
   * @param padId fills short rows
   * @param adapters that compute; they have to live as long as the decoding
   */
  public Decoding decode(List<long[]> prompts, long padId, ActiveAdapters adapters) {
    if (prompts.isEmpty() || prompts.stream().anyMatch(ids -> ids.length == 0)) {
      throw new IllegalArgumentException(
          "prompts have "
              + prompts.stream().map(ids -> ids.length).toList()
              + " ids; expected one prompt or more with one id or more in each");
    }
    List<long[]> rows = new ArrayList<>();
    for (int i = 0; i < adapters.composition().replicas(); i++) {
      rows.addAll(prompts);
    }
    return new Decoding(this, body.open(rows, config), padId, adapters);
  }

  /**
   * Refuses what a closed model cannot do.
   *
   * @throws IllegalStateException if the model is closed
   */
  public void requireOpen() {
    if (resource.isRetired()) {
      throw new IllegalStateException("the model is closed; load it again");
    }
  }

  /** The head. */
  public Head head() {
    return head;
  }

  /** The config file. */
  public ModelConfig config() {
    return config;
  }

  /** What the model is for. */
  public Task task() {
    return task;
  }

  /** Where the model lies. */
  public Device device() {
    return manager.getDevice();
  }

  /** What the model computes in. */
  public Precision precision() {
    return precision;
  }

  /** Owner of the model's arrays; arrays for its input may be made from it. */
  public NDManager manager() {
    return manager;
  }

  /**
   * The largest number of tokens, virtual ones included; a million if positions are relative, which
   * have no end.
   */
  public long maxPositions() {
    return body.stacks().stream().anyMatch(Stack::isRelative)
        ? UNBOUNDED
        : config.integer("max_position_embeddings", config.integer("n_positions", UNBOUNDED));
  }

  /**
   * How many tokens a text may have: the positions that adapters leave.
   *
   * @throws IllegalArgumentException if their virtual tokens leave none
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
   * The id to pad texts with: {@code pad_token_id} of config.json, by which a decoder that
   * classifies texts finds their ends.
   *
   * @param otherwise the id if config.json has none, or none of the vocabulary: the tokenizer's. If
   *     that is none of the vocabulary either, 0 is taken, as what is masked may be anything
   */
  public long padId(long otherwise) {
    long size = config.size("vocab_size");
    return LongStream.of(config.integer("pad_token_id", -1), otherwise)
        .filter(id -> 0 <= id && id < size)
        .findFirst()
        .orElse(0);
  }

  /**
   * What an encoder-decoder's decoder reads while it learns to write these labels: the start token
   * and all labels but the last.
   *
   * @param labels [B][U], {@link LossTargets#IGNORED} where none counts
   */
  public long[][] shiftRight(long[][] labels) {
    long start = config.tokenId("decoder_start_token_id");
    long pad = config.tokenId("pad_token_id");
    long[][] shifted = new long[labels.length][labels[0].length];
    for (int b = 0; b < labels.length; b++) {
      shifted[b][0] = start;
      for (int t = 1; t < labels[b].length; t++) {
        shifted[b][t] = labels[b][t - 1] == LossTargets.IGNORED ? pad : labels[b][t - 1];
      }
    }
    return shifted;
  }

  /**
   * How many labels count in the loss. A language model predicts each from what stands before it:
   * the first of a row counts if adapters put virtual tokens in front.
   */
  public long count(LossTargets targets, ActiveAdapters adapters) {
    List<Stack> stacks = body.stacks();
    return head.targets(targets, stacks.get(stacks.size() - 1).virtualTokens(adapters)).count();
  }

  /**
   * Resolves a composition.
   *
   * @param layers of each adapter that it names
   * @throws IllegalArgumentException if they cannot be composed so, saying which
   */
  public ActiveAdapters resolve(Composition composition, Map<String, AdapterLayers> layers) {
    ActiveAdapters active = ActiveAdapters.of(composition, layers, allSites);
    body.stacks().forEach(stack -> stack.virtualTokens(active)); // checks
    return active;
  }

  /** The frozen tensors by their names in the checkpoint; a tied one stands once. */
  public Stream<ParameterSite> parameters() {
    return sites().filter(ParameterSite.class::isInstance).map(ParameterSite.class::cast);
  }

  /**
   * Weights that share another's memory, and have to be stored apart once adapters are merged into
   * one of the two.
   *
   * @param changes whether a tensor is no longer what it was
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

  /** Hugging Face's name of the model with its head: {@code LlamaForCausalLM}. */
  public String architecture() {
    return names.architecture();
  }

  /** What the names of the body's modules begin with, {@code "model."}; empty for some families. */
  public String bodyPrefix() {
    return names.bodyPrefix();
  }

  /** Number of elements of the frozen tensors, shared ones counted once. */
  public long size() {
    return parameters().mapToLong(parameter -> parameter.shape().size()).sum();
  }

  /** The site of this class and name, or null. */
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

  /** A DJL block's input. */
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
   * Closes the model when the calls that run have ended; later ones are refused.
   *
   * @throws IllegalStateException if a call of this thread runs, which it would wait for
   */
  @Override
  public void close() {
    calls.retire(resource, "close the model");
  }

  private void free() {
    body.stacks().forEach(Stack::close);
    manager.close();
  }

  @Override
  public String toString() {
    return String.format(
        "%s, %,d parameters, %s on %s for %s",
        config.text("model_type", "?"), size(), precision, device(), task.type());
  }
}
