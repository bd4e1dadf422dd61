package io.github.peft4j.methods.lora.eva;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.BatchSampler;
import io.github.peft4j.data.batch.Collator;
import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.common.linear.Ranks;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.factors.Factored;
import io.github.peft4j.methods.lora.init.EvaConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.methods.lora.probe.InputProbes;
import io.github.peft4j.train.evaluation.TaskEncoder;
import io.github.peft4j.tuner.site.ActiveAdapters;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.Rewrite;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * EVA: LoRA that starts from data. A holds the directions in which a module's inputs vary most, and
 * modules whose inputs are best explained get more of the ranks (Paischer et al. 2024,
 * arXiv:2410.07170, algorithm 1; PEFT's {@code initialize_lora_eva_weights}).
 *
 * <pre>{@code
 * Eva.of(LoraConfig.ofRank(16)).adapt(model, examples);
 * FineTuner.of(model).on(examples).run();
 * }</pre>
 *
 * <p>In an encoder-decoder, the encoder's modules and the keys and values of the cross-attention
 * are initialised from the prompts' tokens, the decoder's other modules from those of the answers.
 * PEFT selects the tokens of both by one mask, made of prompt and answer, and therefore only works
 * if both have the same length. Without padding, both ways give the same result.
 *
 * <p>The frozen model reads batches until all directions have converged. Modules with the same
 * input share the work. The sum of the ranks is that of the config. The ranks are saved as {@code
 * rank_pattern} and {@code alpha_pattern}; a module that gets no rank is no longer a target.
 */
public final class Eva {

  private final LoraConfig config;
  private final EvaConfig eva;
  private int batchSize = 16;
  private int maxLength = 512;
  private long seed = 42;

  private Eva(LoraConfig config) {
    this.config = config.initLoraWeights(LoraInitialization.EVA);
    EvaConfig settings = this.config.evaConfig();
    this.eva = settings == null ? EvaConfig.defaults() : settings;
  }

  /** Creates EVA for this config, whose {@code init_lora_weights} becomes {@code eva}. */
  public static Eva of(LoraConfig config) {
    return new Eva(config);
  }

  /**
   * Sets the number of examples in a batch; the default is 16. A batch must have more tokens than a
   * module's rank times rho.
   */
  public Eva batchSize(int examples) {
    if (examples < 1) {
      throw new IllegalArgumentException("batchSize is " + examples + "; expected 1 or more");
    }
    this.batchSize = examples;
    return this;
  }

  /**
   * Sets the most tokens of an example; the default is the number of the model's positions, and at
   * most 512.
   */
  public Eva maxLength(int tokens) {
    this.maxLength = tokens;
    return this;
  }

  /** Sets the seed of the order of examples; the default is 42. */
  public Eva seed(long seed) {
    this.seed = seed;
    return this;
  }

  /** Adds the adapter as {@value PeftModel#DEFAULT} and makes it the active one. */
  public PeftModel adapt(PeftModel model, Examples<?> examples) {
    return adapt(PeftModel.DEFAULT, model, examples);
  }

  /**
   * Adds the adapter and makes it the active one.
   *
   * @param examples examples for the directions, ideally the training examples
   * @return the model
   */
  public PeftModel adapt(String name, PeftModel model, Examples<?> examples) {
    int length = (int) Math.min(maxLength, model.base().maxPositions());
    EncodedDataset data = TaskEncoder.encode(model, examples, length);
    Collator collator = new Collator(model.base().padId(model.tokenizer().padId()));
    List<int[]> rows = BatchSampler.shuffled(data.size(), batchSize, seed).epoch(0);
    return adapt(
        name, model, rows.stream().map(chosen -> collator.collate(data.select(chosen))).toList());
  }

  PeftModel adapt(String name, PeftModel model, List<Batch> batches) {
    if (model.adapters().containsKey(name)) {
      throw new IllegalArgumentException(
          "there is an adapter '" + name + "' already; take another name or remove it first");
    }
    List<LinearSite> targets = InputProbes.targets(config, model);
    Map<LinearSite, Integer> ranks;
    Map<LinearSite, float[]> directions = new LinkedHashMap<>();
    try (EvaInputs inputs = new EvaInputs(config.ranks(), eva, targets, model.base())) {
      ActiveAdapters active = InputProbes.at(targets, model, inputs::read);
      ranks = inputs.explain(model.base(), active, batches);
      ranks.forEach((site, rank) -> directions.put(site, inputs.directions(site, rank)));
    }
    start(model.adapt(name, redistributed(ranks)), name, directions);
    return model;
  }

  /** The config with the new ranks, and with alphas that keep each module's scale. */
  private LoraConfig redistributed(Map<LinearSite, Integer> ranks) {
    Ranks before = config.ranks();
    Map<String, Integer> rankPattern = new LinkedHashMap<>();
    Map<String, Double> alphaPattern = new LinkedHashMap<>();
    List<String> kept = new ArrayList<>();
    ranks.forEach(
        (site, rank) -> {
          String name = site.name();
          double alpha = before.alphaOf(name);
          double adjusted = eva.adjustScalingFactors() ? alpha * rank / before.of(name) : alpha;
          if (rank == 0) {
            return;
          }
          kept.add(name);
          if (rank != config.r()) {
            rankPattern.put(name, rank);
          }
          if (adjusted != config.loraAlpha()) {
            alphaPattern.put(name, adjusted);
          }
        });
    LoraConfig changed = config.rankPattern(rankPattern).alphaPattern(alphaPattern);
    return kept.size() == ranks.size()
        ? changed
        : changed.targetModules(kept.toArray(String[]::new));
  }

  private static void start(PeftModel model, String name, Map<LinearSite, float[]> directions) {
    for (Rewrite rewrite : model.adapter(name).rewrites()) {
      if (rewrite.layer() instanceof Factored layer) {
        NDArray a = layer.factors().trainedA().value();
        float[] rows = directions.get((LinearSite) rewrite.site());
        if (rows != null) {
          try (NDArray values = a.getManager().create(rows, a.getShape())) {
            Tensors.copy(a, values);
          }
        }
      }
    }
  }
}
