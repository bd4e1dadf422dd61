package io.github.peft4j.examples;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.reader.Data;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.Samples;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.evaluation.Evaluator;
import io.github.peft4j.train.evaluation.Metrics;
import io.github.peft4j.tuner.Trainable;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Teaches a language model to answer the prompts of a file, with LoRA on all its linear layers. The
 * model is a decoder, which continues its prompt, or an encoder-decoder such as T5, which answers
 * it. Some of the rows, chosen at random, are held out for validation.
 *
 * <pre>
 * mvn -q compile exec:java -Dexec.mainClass=io.github.peft4j.examples.CausalLm \
 *     -Dexec.args="--model DIR --data FILE.csv --prompt '{meaning} -&gt;' --answer sentence"
 * </pre>
 */
public final class CausalLm {

  private static final Program PROGRAM =
      new Program(
          "CausalLm",
          "teaches a language model to answer the prompts of a file, with LoRA",
          """
          --model DIR|NAME      a decoder or encoder-decoder: a folder, or org/name on the hub
          --data FILE           rows in a file: JSON, CSV or TSV
          --prompt TEMPLATE     a column's name, or a text with {columns}
          --answer TEMPLATE     a column's name, or a text with {columns}
          [--held-out N]        rows to measure with, a tenth by default
          [--rank N]            of LoRA, 8 by default
          [--epochs N]          passes over the data, 2 by default
          [--lr X]              learning rate, 2e-4 by default
          [--batch N]           rows a step, 32 by default
          [--max-length N]      tokens of a row, at most 512 by default
          [--seed N]            42 by default
          [--bucket-by-length]  makes batches of rows of similar length
          [--out DIR]           saves the adapter, a chart and a report there
          """);

  private CausalLm() {}

  /** Runs it. */
  public static void main(String... args) {
    PROGRAM.main(args, CausalLm::run);
  }

  private static void run(Arguments arguments) {
    Dataset<PromptExample> all =
        Data.read(arguments.text("data"))
            .prompt(arguments.text("prompt"))
            .answer(arguments.text("answer"));
    int seed = arguments.integer("seed", 42);
    Dataset.Split<PromptExample> split = HeldOut.split(all, arguments, seed);
    Dataset<PromptExample> train = split.train();
    Dataset<PromptExample> test = split.heldOut();

    int batch = arguments.count("batch", 32);
    int rank = arguments.count("rank", 8);
    LoraConfig lora = LoraConfig.ofRank(rank).loraAlpha(2.0 * rank).targetModules("all-linear");
    try (PeftModel model = Peft.from(arguments.text("model")).seed(seed).load()) {
      Program.requireTokenizer(model);
      model.adapt(lora);
      System.out.println(model.trainableParameters());
      int longest = (int) Math.min(512, model.base().maxPositions());
      int maxLength = arguments.count("max-length", longest);
      Metrics before = new Evaluator(model, batch, maxLength).evaluate(test);
      System.out.println("before: " + before);
      TrainingReport report =
          FineTuner.of(model)
              .on(train)
              .validateOn(test)
              .epochs(arguments.count("epochs", 2))
              .batchSize(batch)
              .maxLength(maxLength)
              .learningRate(arguments.number("lr", 2e-4))
              .warmup(0.06)
              .bucketByLength(arguments.has("bucket-by-length"))
              .seed(seed)
              .run();
      System.out.println("after: " + report);
      String prompt = test.get(0).prompt();
      System.out.println(prompt + " " + model.generate(prompt).strip());
      if (arguments.has("out")) {
        Path out = Path.of(arguments.text("out"));
        model.save(out.toString());
        report.chart(out.resolve("training.png").toString());
        report.html(out.resolve("report.html").toString(), Samples.of(model, test, 5));
      }
      System.out.printf(
          Locale.ROOT,
          "{\"task\":\"%s\",\"method\":\"lora\",\"loss_before\":%.4f,\"loss_after\":%.4f,"
              + "\"trainable\":%d,\"steps\":%d,\"seconds\":%.1f,\"tokens_per_second\":%.0f}%n",
          model.base().task().type().name().toLowerCase(Locale.ROOT).replace('_', '-'),
          before.get(Metrics.LOSS),
          report.finalMetrics().orElseThrow().get(Metrics.LOSS),
          model.trainables().stream().mapToLong(Trainable::size).sum(),
          report.steps(),
          report.seconds(),
          report.tokensPerSecond());
    }
  }
}
