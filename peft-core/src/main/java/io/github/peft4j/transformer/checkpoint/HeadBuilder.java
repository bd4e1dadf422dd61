package io.github.peft4j.transformer.checkpoint;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.transformer.block.Body;
import io.github.peft4j.transformer.block.CausalLmHead;
import io.github.peft4j.transformer.block.ClassificationHead;
import io.github.peft4j.transformer.block.Head;
import io.github.peft4j.transformer.block.LastToken;
import io.github.peft4j.transformer.block.Linear;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.family.HeadSpec;
import io.github.peft4j.transformer.family.HeadSpec.Output;
import io.github.peft4j.transformer.family.HeadSpec.Pooling;
import io.github.peft4j.transformer.family.HeadSpec.Step;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.site.LinearSite.Role;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;

/** Builds a {@link Head} from its spec, a config and a checkpoint. */
final class HeadBuilder {

  private static final Kernel FIRST_TOKEN =
      Kernel.of(
          """
          def first_token(x: Tensor) -> Tensor:                  # (B, T, D) → (B, D)
              return torch.select(x, 1, 0)
          """);

  private static final String PADDING = "pad_token_id";

  private final HeadSpec spec;
  private final ModelConfig config;
  private final Checkpoint weights;
  private final int hidden;

  /** The linear maps of the steps. */
  private final List<Linear> parts = new ArrayList<>();

  /**
   * Creates a builder.
   *
   * @param hidden D, the size of the states that the head reads
   */
  HeadBuilder(HeadSpec spec, ModelConfig config, Checkpoint weights, int hidden) {
    this.spec = spec;
    this.config = config;
    this.weights = weights;
    this.hidden = hidden;
  }

  Head build(Task task, Body body) {
    BiFunction<NDArray, Pass, NDArray> features = pooling(spec.pooling());
    for (Step step : spec.steps()) {
      BiFunction<NDArray, Pass, NDArray> before = features;
      BiFunction<NDArray, Pass, NDArray> next = step(step);
      features = (x, pass) -> next.apply(before.apply(x, pass), pass);
    }
    return switch (task.type()) {
      case CAUSAL_LM -> new CausalLmHead(
              vocabulary(body), 1, spec.output().scale(), spec.output().cap());
      case SEQ_2_SEQ_LM -> new CausalLmHead(
              vocabulary(body), 0, spec.output().scale(), spec.output().cap());
      case SEQ_CLS, TOKEN_CLS ->
          new ClassificationHead(
              parts,
              features,
              classifier(task.labels().size()),
              task.type() == Task.Type.TOKEN_CLS);
    };
  }

  private Linear vocabulary(Body body) {
    String name = spec.output().name();
    return config.flag("tie_word_embeddings", true) && !weights.has(name + ".weight")
        ? Linear.tied(name, Role.HEAD, body.stacks().get(0).tokens().site())
        : weights.linear(
            name, Role.HEAD, hidden, config.size("vocab_size"), spec.output().bias(), false);
  }

  private Linear classifier(int classes) {
    Output output = spec.output();
    return weights.head(output.name(), Role.HEAD, hidden, classes, output.bias());
  }

  private BiFunction<NDArray, Pass, NDArray> step(Step step) {
    if (step instanceof Step.Dropout dropout) {
      return (x, pass) -> pass.drop(x, dropout.probability());
    }
    if (step instanceof Step.Activate activate) {
      return (x, pass) -> activate.function().apply(x);
    }
    Step.Dense dense = (Step.Dense) step;
    Linear map = weights.head(dense.name(), Role.POOLER, hidden, hidden, true);
    parts.add(map);
    return map::forward;
  }

  private BiFunction<NDArray, Pass, NDArray> pooling(Pooling pooling) {
    return switch (pooling) {
      case NONE -> (x, pass) -> x;
      case FIRST -> (x, pass) -> FIRST_TOKEN.call(x);
      case LAST -> lastToken();
    };
  }

  /**
   * Selects a decoder's state by which a text is classified. As in transformers, it is that of the
   * last token whose id is not {@code pad_token_id}, whatever the mask. If config.json has no
   * {@code pad_token_id}, it is that of the last token that is not masked; transformers then
   * supports only one row. The same holds with virtual tokens. There PEFT passes embeddings instead
   * of ids, so transformers pools the last position even when it is padding.
   */
  private BiFunction<NDArray, Pass, NDArray> lastToken() {
    if (!config.has(PADDING)) {
      return (x, pass) -> LastToken.real(x, pass.mask());
    }
    long padding = config.integer(PADDING);
    return (x, pass) -> LastToken.but(padding, x, pass.ids());
  }
}
