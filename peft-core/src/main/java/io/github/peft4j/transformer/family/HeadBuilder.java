package io.github.peft4j.transformer.family;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.transformer.block.Activation;
import io.github.peft4j.transformer.block.Body;
import io.github.peft4j.transformer.block.CausalLmHead;
import io.github.peft4j.transformer.block.ClassificationHead;
import io.github.peft4j.transformer.block.Head;
import io.github.peft4j.transformer.block.LastToken;
import io.github.peft4j.transformer.block.Linear;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.family.StackSpec.HeadSpec;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.site.LinearSite.Role;
import java.util.List;
import java.util.function.BiFunction;

/** Builds a {@link Head} from a stack's spec, a config and a checkpoint. */
final class HeadBuilder {

  private static final Kernel FIRST_TOKEN =
      Kernel.of(
          """
          def first_token(x: Tensor) -> Tensor:                  # (B, T, D) → (B, D)
              return torch.select(x, 1, 0)
          """);

  private static final String PADDING = "pad_token_id";

  private final StackSpec spec;
  private final HeadSpec names;
  private final ModelConfig config;
  private final Checkpoint weights;
  private final int hidden;

  HeadBuilder(StackSpec spec, ModelConfig config, Checkpoint weights) {
    this.spec = spec;
    this.names = spec.head;
    this.config = config;
    this.weights = weights;
    this.hidden = config.size(spec.sizes.hidden());
  }

  Head build(Task task, Body body) {
    int classes = task.labels().size();
    return switch (task.type()) {
      case CAUSAL_LM -> new CausalLmHead(output(body), 1, names.scale());
      case SEQ_2_SEQ_LM -> new CausalLmHead(output(body), 0, names.scale());
      case SEQ_CLS -> sequenceClassifier(classes);
      case TOKEN_CLS -> tokenClassifier(classes);
    };
  }

  private Linear output(Body body) {
    String name = names.output();
    return config.flag("tie_word_embeddings", true) && !weights.has(name + ".weight")
        ? Linear.tied(name, Role.HEAD, body.stacks().get(0).tokens().site())
        : weights.linear(name, Role.HEAD, hidden, config.size("vocab_size"), false);
  }

  private Head tokenClassifier(int classes) {
    Linear classifier = weights.head(names.tokenClassifier(), Role.HEAD, hidden, classes, true);
    return new ClassificationHead(List.of(), (x, pass) -> x, classifier, true, dropout());
  }

  private Head sequenceClassifier(int classes) {
    String first = names.pooler();
    if (first == null) {
      Linear score = weights.head(names.classifier(), Role.HEAD, hidden, classes, false);
      return new ClassificationHead(List.of(), lastToken(), score, false, 0);
    }
    Linear pooler = weights.head(spec.named(first), Role.POOLER, hidden, hidden, true);
    Linear classifier = weights.head(names.classifier(), Role.HEAD, hidden, classes, true);
    return new ClassificationHead(
        List.of(pooler),
        (x, pass) -> Activation.TANH.apply(pooler.forward(FIRST_TOKEN.call(x), pass)),
        classifier,
        false,
        dropout());
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

  private double dropout() {
    String branches = spec.dropout.branches();
    String own = "classifier_dropout";
    return config.dropout(config.has(own) || branches == null ? own : branches);
  }
}
