package io.github.peft4j.transformer.family;

import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.family.HeadSpec.Output;
import io.github.peft4j.transformer.family.HeadSpec.Pooling;
import io.github.peft4j.transformer.family.HeadSpec.Step;
import io.github.peft4j.transformer.head.LanguageModelHead.Logits;
import java.util.List;
import java.util.function.Function;

/**
 * The heads of decoders. transformers does not have every head for every family; a family has those
 * that transformers can load.
 */
public final class DecoderHeads {

  private static final Output LM_HEAD = Output.vocabulary("lm_head");
  private static final Output SCORE = Output.classifier("score", false);
  private static final Output QA_OUTPUTS = Output.classifier("qa_outputs", true);

  /** The tasks that decoders have in addition to causal language modelling. */
  private static final List<Task.Type> ALL =
      List.of(Task.Type.SEQ_CLS, Task.Type.TOKEN_CLS, Task.Type.QUESTION_ANS);

  private DecoderHeads() {}

  /**
   * Llama and its relatives.
   *
   * @param tasks that have a head, in addition to causal language modelling; none means all
   */
  public static Function<ModelConfig, Heads> llama(String className, Task.Type... tasks) {
    List<Task.Type> present = tasks.length == 0 ? ALL : List.of(tasks);
    return config -> llama(config, className, LM_HEAD, "model", present);
  }

  /**
   * As {@link #llama}, where question answering has {@code transformer} for the body's prefix, as
   * in Llama, Qwen 2 and 3 and SmolLM3.
   */
  public static Function<ModelConfig, Heads> llamaWithTransformer(String className) {
    return config -> llama(config, className, LM_HEAD, "transformer", ALL);
  }

  /** Granite, whose logits are divided by {@code logits_scaling}. */
  public static Heads granite(ModelConfig config) {
    double scaling = config.positive("logits_scaling", 1);
    return llama(
        config, "Granite", LM_HEAD.with(new Logits(1, 1 / scaling, 0)), "model", List.of());
  }

  /** Gemma 2, whose logits are capped. */
  public static Heads gemma2(ModelConfig config) {
    Output output = LM_HEAD.with(new Logits(1, 1, cap(config, 30)));
    return llama(
        config, "Gemma2", output, "model", List.of(Task.Type.SEQ_CLS, Task.Type.TOKEN_CLS));
  }

  /** The text models of Gemma 3. */
  public static Heads gemma3Text(ModelConfig config) {
    return Heads.of(
        "Gemma3",
        "model",
        HeadSpec.causalLm(gemma3Output(config)),
        HeadSpec.sequenceClassifier(Pooling.LAST, SCORE).named("TextForSequenceClassification"),
        HeadSpec.features().named("TextModel"));
  }

  /** The text model within Gemma 3 for images and texts. */
  public static Heads gemma3(ModelConfig config) {
    return Heads.of(
        "Gemma3",
        "model.language_model",
        HeadSpec.causalLm(gemma3Output(config)).named("ForConditionalGeneration"));
  }

  private static Output gemma3Output(ModelConfig config) {
    return LM_HEAD.with(new Logits(1, 1, cap(config, 0)));
  }

  /**
   * The bound {@code final_logit_softcapping}. A null means none, also where there is a default.
   */
  private static double cap(ModelConfig config, double usual) {
    String field = "final_logit_softcapping";
    return config.json().has(field) && !config.has(field) ? 0 : config.positive(field, usual);
  }

  /** Phi 1 and 2, whose output map has a bias. */
  public static Heads phi(ModelConfig config) {
    Output output = Output.classifier("lm_head", true);
    return llama(config, "Phi", output, "model", List.of(Task.Type.SEQ_CLS, Task.Type.TOKEN_CLS));
  }

  private static Heads llama(
      ModelConfig config,
      String className,
      Output output,
      String answering,
      List<Task.Type> present) {
    boolean bias = config.flag("token_classification_bias", true);
    return Heads.of(
            className,
            "model",
            HeadSpec.causalLm(output),
            HeadSpec.sequenceClassifier(Pooling.LAST, SCORE),
            HeadSpec.tokenClassifier(Output.classifier("score", bias), tokenDropout(config)),
            HeadSpec.questionAnswering(QA_OUTPUTS).on(answering),
            HeadSpec.features())
        .only(
            task ->
                task == Task.Type.CAUSAL_LM
                    || task == Task.Type.FEATURE_EXTRACTION
                    || present.contains(task));
  }

  /** GPT-2. */
  public static Heads gpt2(ModelConfig config) {
    HeadSpec causalLm = HeadSpec.causalLm(LM_HEAD).named("LMHeadModel");
    return classifiers("GPT2", "transformer", causalLm, tokenDropout(config));
  }

  /** BLOOM. */
  public static Heads bloom(ModelConfig config) {
    return classifiers("Bloom", "transformer", HeadSpec.causalLm(LM_HEAD), tokenDropout(config));
  }

  /** Falcon. */
  public static Heads falcon(ModelConfig config) {
    return classifiers("Falcon", "transformer", HeadSpec.causalLm(LM_HEAD), tokenDropout(config));
  }

  /** Families whose texts have a {@code score} and whose tokens have a {@code classifier}. */
  private static Heads classifiers(
      String className, String body, HeadSpec causalLm, Step.Dropout tokenDropout) {
    return Heads.of(
        className,
        body,
        causalLm,
        HeadSpec.sequenceClassifier(Pooling.LAST, SCORE),
        HeadSpec.tokenClassifier(Output.classifier("classifier", true), tokenDropout),
        HeadSpec.questionAnswering(QA_OUTPUTS),
        HeadSpec.features());
  }

  /** GPT-NeoX and Pythia, whose checkpoints call the output map {@code embed_out}. */
  public static Heads gptNeoX(ModelConfig config) {
    HeadSpec causalLm = HeadSpec.causalLm(LM_HEAD.formerly("embed_out"));
    double dropout = Heads.dropout(config, 0.1, "classifier_dropout");
    return classifiers("GPTNeoX", "gpt_neox", causalLm, new Step.Dropout(dropout));
  }

  /** OPT. */
  public static Heads opt(ModelConfig config) {
    return Heads.of(
        "OPT",
        "model",
        HeadSpec.causalLm(LM_HEAD),
        HeadSpec.sequenceClassifier(Pooling.LAST, SCORE),
        HeadSpec.questionAnswering(QA_OUTPUTS),
        HeadSpec.features());
  }

  private static Step.Dropout tokenDropout(ModelConfig config) {
    return new Step.Dropout(Heads.dropout(config, 0.1, "classifier_dropout", "hidden_dropout"));
  }
}
