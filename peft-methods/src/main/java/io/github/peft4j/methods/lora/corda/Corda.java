package io.github.peft4j.methods.lora.corda;

import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.Collator;
import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.CordaConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.methods.lora.init.WeightedParts;
import io.github.peft4j.methods.lora.probe.InputProbes;
import io.github.peft4j.train.evaluation.BatchFeed;
import io.github.peft4j.train.evaluation.TaskEncoder;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.site.ActiveAdapters;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.List;
import java.util.stream.IntStream;

/**
 * CorDA: LoRA that starts from a part of each weight, chosen by what examples do with it (Yang et
 * al. 2024, arXiv:2406.05223; PEFT's {@code preprocess_corda}).
 *
 * <pre>{@code
 * Corda.of(LoraConfig.ofRank(16)).adapt(model, examples);
 * FineTuner.of(model).on(examples).run();
 * }</pre>
 *
 * <p>The frozen model reads each example by itself, with all its tokens. C = mean of XᵀX, with a
 * module's inputs X (T, in) divided by their largest element, says how much the examples use each
 * direction. Of W C = U S Vᵀ the r largest parts (IPM) or the r smallest (KPM) are trained: A₀ =
 * √(S/s) Vᵀ C⁻¹ and B₀ = U √(S/s), and s B₀ A₀ is subtracted from W.
 */
public final class Corda {

  private final LoraConfig config;
  private final CordaConfig corda;
  private int maxLength = 512;

  private Corda(LoraConfig config) {
    this.config = config.initLoraWeights(LoraInitialization.CORDA);
    CordaConfig settings = this.config.cordaConfig();
    this.corda = settings == null ? CordaConfig.defaults() : settings;
    requireOwn(corda.cacheFile() == null, "cache_file", "null: files of Python are not read");
    requireOwn(
        corda.covarianceFile() == null, "covariance_file", "null: files of Python are not read");
    requireOwn(
        !corda.useFloat16ForCovariance(),
        "use_float16_for_covariance",
        "false: covariances are computed in 32 bits");
  }

  private static void requireOwn(boolean fine, String field, String expected) {
    if (!fine) {
      throw new IllegalArgumentException(
          "LoraConfig: field 'corda_config' sets " + field + "; expected " + expected);
    }
  }

  /** Creates CorDA for this config, whose {@code init_lora_weights} becomes {@code corda}. */
  public static Corda of(LoraConfig config) {
    return new Corda(config);
  }

  /**
   * Sets the most tokens of an example; the default is the number of the model's positions, and at
   * most 512.
   */
  public Corda maxLength(int tokens) {
    this.maxLength = tokens;
    return this;
  }

  /** Adds the adapter as {@value PeftModel#DEFAULT} and makes it the active one. */
  public PeftModel adapt(PeftModel model, Examples<?> examples) {
    return adapt(PeftModel.DEFAULT, model, examples);
  }

  /**
   * Adds the adapter and makes it the active one.
   *
   * @param examples what the model is to learn fast (IPM) or not to forget (KPM). PEFT advises 256
   *     texts of 2,048 tokens for vectors of 4,096 elements
   * @return the model
   */
  public PeftModel adapt(String name, PeftModel model, Examples<?> examples) {
    int length = (int) Math.min(maxLength, model.base().maxPositions());
    EncodedDataset data = TaskEncoder.encode(model, examples, length);
    Collator collator = new Collator(model.base().padId(model.tokenizer().padId()));
    return adapt(
        name,
        model,
        IntStream.range(0, data.size())
            .mapToObj(i -> collator.collate(data.select(new int[] {i})))
            .toList());
  }

  /** Adds the adapter, given batches of one example each. */
  PeftModel adapt(String name, PeftModel model, List<Batch> examples) {
    if (model.adapters().containsKey(name)) {
      throw new IllegalArgumentException(
          "there is an adapter '" + name + "' already; take another name or remove it first");
    }
    List<LinearSite> targets = InputProbes.targets(config, model);
    try (WeightedParts parts = new WeightedParts(corda.cordaMethod())) {
      ActiveAdapters probing = InputProbes.at(targets, model, parts::read);
      for (Batch example : examples) {
        try (ModelCall call = model.newCall();
            Scope scope = new Scope();
            Pass pass = Pass.inference(probing)) {
          call.model().hidden(BatchFeed.input(call.model(), example), pass);
        }
      }
      return model.adapt(name, config.initLoraWeights(LoraInitialization.corda(parts)));
    }
  }
}
