package io.github.peft4j.export.onnx;

import io.github.peft4j.io.DType;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.family.HeadSpec;
import io.github.peft4j.transformer.family.HeadSpec.Output;
import io.github.peft4j.transformer.family.HeadSpec.Step;
import io.github.peft4j.transformer.head.LanguageModelHead.Logits;
import java.util.List;
import java.util.Objects;

/** A task head as nodes: hidden states (B, T, D) → the outputs of the model. */
record HeadGraph(TransformerModel model, HeadSpec spec, Nodes nodes, Weights weights, Text text) {

  static final String BATCH = "batch";
  static final String SEQUENCE = "sequence";

  /** The outputs, under the names that Hugging Face's exporter gives them. */
  void outputs(String states) {
    nodes.module("head");
    String classes = String.valueOf(model.head().classes());
    switch (spec.task()) {
      case SEQ_CLS -> nodes.output(classes(pooled(states)), "logits", DType.F32, BATCH, classes);
      case TOKEN_CLS ->
          nodes.output(classes(pooled(states)), "logits", DType.F32, BATCH, SEQUENCE, classes);
      case MASKED_LM ->
          nodes.output(vocabulary(states), "logits", DType.F32, BATCH, SEQUENCE, classes);
      case QUESTION_ANS -> {
        List<String> logits = nodes.split(classes(states), 1, 1);
        nodes.output(column(logits.get(0)), "start_logits", DType.F32, BATCH, SEQUENCE);
        nodes.output(column(logits.get(1)), "end_logits", DType.F32, BATCH, SEQUENCE);
      }
      case FEATURE_EXTRACTION ->
          nodes.output(states, "last_hidden_state", DType.F32, BATCH, SEQUENCE, classes);
      case CAUSAL_LM, SEQ_2_SEQ_LM ->
          throw Refusal.of(model.config(), "the task " + spec.task() + ", which generates texts");
    }
  }

  private String column(String x) {
    return nodes.op("Squeeze", x, nodes.integers(2));
  }

  private String pooled(String states) {
    Pooled pooled = new Pooled(nodes, text);
    return switch (spec.pooling()) {
      case NONE -> states;
      case FIRST -> pooled.first(states);
      case MEAN -> pooled.mean(states);
      case LAST -> last(pooled, states);
    };
  }

  private String last(Pooled pooled, String states) {
    ModelConfig config = model.config();
    if (!config.has("pad_token_id")) {
      return pooled.last(states, text.isReal());
    }
    String padding = nodes.integer(config.integer("pad_token_id"));
    return pooled.last(states, nodes.op("Not", nodes.op("Equal", Text.IDS, padding)));
  }

  private String classes(String states) {
    return weights.linear(output().name(), steps(states));
  }

  private Output output() {
    return Objects.requireNonNull(spec.output(), "only a body has no output map");
  }

  /** W steps(x) + b. */
  private String vocabulary(String states) {
    Output output = output();
    if (!output.logits().equals(Logits.PLAIN)) {
      throw Refusal.of(model.config(), "factors or a bound of its logits");
    }
    String logits = weights.linear(output.name(), steps(states));
    return output.bias() == null ? logits : nodes.add(logits, weights.tensor(output.bias()));
  }

  private String steps(String states) {
    String x = states;
    for (Step step : spec.steps()) {
      if (step instanceof Step.Dense dense) {
        x = weights.linear(dense.name(), x);
      } else if (step instanceof Step.Activate activate) {
        x = ActivationNodes.apply(activate.function(), x, nodes);
      } else if (step instanceof Step.Norm norm) {
        x = weights.norm(norm.name(), norm.spec(), x);
      } else if (!(step instanceof Step.Dropout)) { // which does nothing in inference
        throw Refusal.of(model.config(), "a head with the step " + step);
      }
    }
    return x;
  }

  /**
   * Whether a tensor belongs to a step, which a model without a head keeps but does not compute.
   */
  boolean keeps(String tensor) {
    return spec.task() == Task.Type.FEATURE_EXTRACTION
        && spec.steps().stream()
            .filter(Step.Dense.class::isInstance)
            .map(step -> ((Step.Dense) step).name() + ".")
            .anyMatch(tensor::startsWith);
  }
}
