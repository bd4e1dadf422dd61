package io.github.peft4j.transformer.family;

import io.github.peft4j.transformer.activation.Activation;
import io.github.peft4j.transformer.block.Norm;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import io.github.peft4j.transformer.family.HeadSpec.Output;
import io.github.peft4j.transformer.family.HeadSpec.Pooling;
import io.github.peft4j.transformer.family.HeadSpec.Step;
import java.util.function.Function;

/** The heads of encoders: BERT and its relatives. */
public final class EncoderHeads {

  private static final String CLASSIFIER = "classifier";
  private static final String CLASSIFIER_DROPOUT = "classifier_dropout";
  private static final String HIDDEN_DROPOUT = "hidden_dropout_prob";
  private static final Output QA_OUTPUTS = Output.classifier("qa_outputs", true);

  private EncoderHeads() {}

  /** BERT: a tanh pooler within the body; predictions through a transform. */
  public static Heads bert(ModelConfig config) {
    double dropout = Heads.dropout(config, 0.1, CLASSIFIER_DROPOUT, HIDDEN_DROPOUT);
    return Heads.of(
        "Bert",
        "bert",
        HeadSpec.sequenceClassifier(
            Pooling.FIRST,
            Output.classifier(CLASSIFIER, true),
            new Step.Dense("bert.pooler.dense"),
            new Step.Activate(Activation.TANH),
            new Step.Dropout(dropout)),
        tokenClassifier(dropout),
        bertPredictions(config, 1e-12),
        HeadSpec.questionAnswering(QA_OUTPUTS),
        HeadSpec.features(new Step.Dense("bert.pooler.dense")));
  }

  /** The head {@code cls.predictions} of BERT and of DeBERTa's usual masked language models. */
  private static HeadSpec bertPredictions(ModelConfig config, double epsilon) {
    return HeadSpec.maskedLm(
        Output.vocabulary("cls.predictions.decoder").plus("cls.predictions.bias"),
        new Step.Dense("cls.predictions.transform.dense"),
        activation(config, "hidden_act", "gelu"),
        new Step.Norm(
            "cls.predictions.transform.LayerNorm", NormSpec.layer(epsilon(config, epsilon))));
  }

  /**
   * RoBERTa, XLM-RoBERTa and CamemBERT: a classification head outside the body.
   *
   * @param className {@code "Roberta"}, {@code "XLMRoberta"} or {@code "Camembert"}
   */
  public static Function<ModelConfig, Heads> roberta(String className) {
    return config -> {
      double dropout = Heads.dropout(config, 0.1, CLASSIFIER_DROPOUT, HIDDEN_DROPOUT);
      return roberta(className, "roberta", dropout, robertaPredictions(config, 1e-5));
    };
  }

  private static Heads roberta(
      String className, String body, double dropout, HeadSpec predictions) {
    return Heads.of(
        className,
        body,
        denseClassifier(dropout, Activation.TANH),
        tokenClassifier(dropout),
        predictions,
        HeadSpec.questionAnswering(QA_OUTPUTS),
        HeadSpec.features(new Step.Dense(body + ".pooler.dense")));
  }

  /** MPNet: as RoBERTa, with its own dropout. */
  public static Heads mpnet(ModelConfig config) {
    double dropout = Heads.dropout(config, 0.1, HIDDEN_DROPOUT);
    return roberta("MPNet", "mpnet", dropout, robertaPredictions(config, 1e-12));
  }

  /** The head {@code lm_head}, whose activation is GELU whatever the config says. */
  private static HeadSpec robertaPredictions(ModelConfig config, double epsilon) {
    return HeadSpec.maskedLm(
        Output.vocabulary("lm_head.decoder").plus("lm_head.bias"),
        new Step.Dense("lm_head.dense"),
        new Step.Activate(Activation.GELU),
        new Step.Norm("lm_head.layer_norm", NormSpec.layer(epsilon(config, epsilon))));
  }

  /** ELECTRA: a classification head with GELU; its generator's predictions have another size. */
  public static Heads electra(ModelConfig config) {
    double dropout = Heads.dropout(config, 0.1, CLASSIFIER_DROPOUT, HIDDEN_DROPOUT);
    return Heads.of(
        "Electra",
        "electra",
        denseClassifier(dropout, Activation.GELU),
        tokenClassifier(dropout),
        HeadSpec.maskedLm(
            Output.vocabulary("generator_lm_head").plus("generator_lm_head.bias"),
            new Step.Dense("generator_predictions.dense", true, embeddingSize(config)),
            new Step.Activate(Activation.GELU),
            new Step.Norm(
                "generator_predictions.LayerNorm", NormSpec.layer(epsilon(config, 1e-12)))),
        HeadSpec.questionAnswering(QA_OUTPUTS),
        HeadSpec.features());
  }

  /** DistilBERT: a ReLU before the classifier, and probabilities of its own. */
  public static Heads distilbert(ModelConfig config) {
    return Heads.of(
        "DistilBert",
        "distilbert",
        HeadSpec.sequenceClassifier(
            Pooling.FIRST,
            Output.classifier(CLASSIFIER, true),
            new Step.Dense("pre_classifier"),
            new Step.Activate(Activation.RELU),
            new Step.Dropout(Heads.dropout(config, 0.2, "seq_classif_dropout"))),
        tokenClassifier(Heads.dropout(config, 0.1, "dropout")),
        HeadSpec.maskedLm(
            Output.vocabulary("vocab_projector").plus("vocab_projector.bias"),
            new Step.Dense("vocab_transform"),
            activation(config, "activation", "gelu"),
            new Step.Norm("vocab_layer_norm", NormSpec.layer(1e-12))),
        HeadSpec.questionAnswering(
            QA_OUTPUTS, new Step.Dropout(Heads.dropout(config, 0.1, "qa_dropout"))),
        HeadSpec.features());
  }

  /** ALBERT: as BERT, with other names and sizes. */
  public static Heads albert(ModelConfig config) {
    double dropout = Heads.dropout(config, 0.1, "classifier_dropout_prob");
    return Heads.of(
        "Albert",
        "albert",
        HeadSpec.sequenceClassifier(
            Pooling.FIRST,
            Output.classifier(CLASSIFIER, true),
            new Step.Dense("albert.pooler"),
            new Step.Activate(Activation.TANH),
            new Step.Dropout(dropout)),
        tokenClassifier(dropout),
        HeadSpec.maskedLm(
            Output.vocabulary("predictions.decoder").plus("predictions.bias"),
            new Step.Dense("predictions.dense", true, embeddingSize(config)),
            activation(config, "hidden_act", "gelu_new"),
            new Step.Norm("predictions.LayerNorm", NormSpec.layer(epsilon(config, 1e-12)))),
        HeadSpec.questionAnswering(QA_OUTPUTS),
        HeadSpec.features(new Step.Dense("albert.pooler")));
  }

  /**
   * DeBERTa and DeBERTa v2 and v3: a pooler outside the body, with dropout before and after.
   *
   * @param className {@code "Deberta"} or {@code "DebertaV2"}
   */
  public static Function<ModelConfig, Heads> deberta(String className) {
    return config -> {
      double hidden = Heads.dropout(config, 0.1, HIDDEN_DROPOUT);
      return Heads.of(
          className,
          "deberta",
          HeadSpec.sequenceClassifier(
              Pooling.FIRST,
              Output.classifier(CLASSIFIER, true),
              new Step.Dropout(Heads.dropout(config, 0, "pooler_dropout")),
              new Step.Dense("pooler.dense"),
              activation(config, "pooler_hidden_act", "gelu"),
              new Step.Dropout(Heads.dropout(config, hidden, "cls_dropout"))),
          tokenClassifier(hidden),
          debertaPredictions(config),
          HeadSpec.questionAnswering(QA_OUTPUTS),
          HeadSpec.features());
    };
  }

  /** {@code legacy} decides between BERT's names and DeBERTa's own. */
  private static HeadSpec debertaPredictions(ModelConfig config) {
    if (config.flag("legacy", true)) {
      return bertPredictions(config, 1e-7);
    }
    return HeadSpec.maskedLm(
        Output.vocabulary("lm_predictions.lm_head.decoder").plus("lm_predictions.lm_head.bias"),
        new Step.Dense("lm_predictions.lm_head.dense"),
        activation(config, "hidden_act", "gelu"),
        new Step.Norm("lm_predictions.lm_head.LayerNorm", NormSpec.layer(epsilon(config, 1e-7))));
  }

  /** ModernBERT: one prediction head for all tasks, after pooling. */
  public static Heads modernbert(ModelConfig config) {
    Step[] steps = {
      new Step.Dense("head.dense", config.flag("classifier_bias", false), null),
      activation(config, "classifier_activation", "gelu"),
      new Step.Norm(
          "head.norm",
          new NormSpec(
              Norm.Kind.LAYER, config.flag("norm_bias", false), config.positive("norm_eps", 1e-5))),
      new Step.Dropout(Heads.dropout(config, 0, CLASSIFIER_DROPOUT))
    };
    Output decoder = Output.vocabulary("decoder");
    return Heads.of(
        "ModernBert",
        "model",
        HeadSpec.sequenceClassifier(
            modernbertPooling(config), Output.classifier(CLASSIFIER, true), steps),
        HeadSpec.tokenClassifier(Output.classifier(CLASSIFIER, true), steps),
        HeadSpec.maskedLm(
            config.flag("decoder_bias", true) ? decoder.plus("decoder.bias") : decoder,
            steps[0],
            steps[1],
            steps[2]),
        HeadSpec.questionAnswering(Output.classifier(CLASSIFIER, true), steps),
        HeadSpec.features());
  }

  private static Pooling modernbertPooling(ModelConfig config) {
    String field = "classifier_pooling";
    String pooling = config.text(field, "cls");
    return switch (pooling) {
      case "cls" -> Pooling.FIRST;
      case "mean" -> Pooling.MEAN;
      default ->
          throw new UnsupportedModelException(
              config.error(field, "'" + pooling + "'", "\"cls\" or \"mean\""));
    };
  }

  private static HeadSpec tokenClassifier(double dropout) {
    return HeadSpec.tokenClassifier(Output.classifier(CLASSIFIER, true), new Step.Dropout(dropout));
  }

  /** The head {@code classifier.dense} and {@code classifier.out_proj}. */
  private static HeadSpec denseClassifier(double dropout, Activation activation) {
    return HeadSpec.sequenceClassifier(
        Pooling.FIRST,
        Output.classifier("classifier.out_proj", true),
        new Step.Dropout(dropout),
        new Step.Dense("classifier.dense"),
        new Step.Activate(activation),
        new Step.Dropout(dropout));
  }

  private static Step.Activate activation(ModelConfig config, String field, String usual) {
    return new Step.Activate(Activation.of(config, field, usual));
  }

  private static double epsilon(ModelConfig config, double usual) {
    return config.positive("layer_norm_eps", usual);
  }

  private static int embeddingSize(ModelConfig config) {
    return config.size("embedding_size", 128);
  }
}
