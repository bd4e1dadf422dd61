package io.github.peft4j.examples;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.data.reader.Data;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.training.LoraFa;
import io.github.peft4j.methods.lst.LstConfig;
import io.github.peft4j.train.Backpropagation;
import io.github.peft4j.train.optimizer.AdamW;
import io.github.peft4j.train.optimizer.Optimizer;
import io.github.peft4j.train.optimizer.Update;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.training.ParameterGroup;
import io.github.peft4j.tuner.training.StepListener;
import io.github.peft4j.tuner.training.TrainingRule;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;

/**
 * Measures the tokens a second of training and inference, on the GPU if there is one. It prints one
 * line of JSON for each shape and case.
 *
 * <pre>
 * mvn -q compile exec:java -Dexec.mainClass=io.github.peft4j.examples.Bench \
 *     -Dexec.args="--shape 160m --batch 1 --length 256"
 * </pre>
 *
 * <p>A training step is that of {@code FineTuner}: forward pass, backward pass, clipping, AdamW.
 * Times are medians of all steps but the first ten, in which the JVM compiles. By default the cases
 * are {@code recompute}, {@code train} and {@code inference}, in this order, since PyTorch keeps
 * memory that it once had. {@code serve} compares four threads with four threads that share a lock,
 * each for as many seconds as there are steps.
 *
 * <p>With {@code --data} it measures trainings on the prompts and answers of a file instead, in the
 * cases {@code padded}, {@code by-length} and {@code packed}: see {@link Packed}.
 */
public final class Bench {

  private static final Program PROGRAM =
      new Program(
          "Bench",
          "measures tokens a second, in training and inference",
          """
          [--shape NAME,...]  tiny (the default), thin, minilm, 160m or 1b
          [--cases NAME,...]  some of recompute, train and inference; all by default
          [--method NAME]     lora (the default), lora-fa, dora or lst
          [--batch N]         sequences a step, 4 by default
          [--length N]        tokens of a sequence, 128 by default
          [--steps N]         measured steps, 8 by default
          [--precision NAME]  float32, bfloat16 or float64
          [--busy N]          threads that compute meanwhile, as other processes would
          [--data FILE]       trains on rows in .jsonl, .csv or .tsv: padded, by-length and packed
          [--model DIR]       the decoder that is trained on them, a folder
          [--prompt TEMPLATE] their prompts: a column's name, or a text with {columns}
          [--answer TEMPLATE] their answers
          """);
  private static final int WARM_UP = 10;
  private static final double RATE = 1e-4;

  private static final Map<String, Method> METHODS =
      Map.of(
          "lora", new Method(lora(), TrainingRule.ALIKE),
          "lora-fa", new Method(lora(), new LoraFa()),
          "dora", new Method(lora().useDora(true), TrainingRule.ALIKE),
          "lst", new Method(LstConfig.defaults(), TrainingRule.ALIKE));

  /** The config and the training rule of a method. */
  private record Method(PeftConfig config, TrainingRule rule) {}

  private final Arguments arguments;
  private final int batch;
  private final int length;
  private final int steps;

  private Bench(Arguments arguments) {
    this.arguments = arguments;
    this.batch = arguments.count("batch", 4);
    this.length = arguments.count("length", 128);
    this.steps = arguments.count("steps", 8);
  }

  private static LoraConfig lora() {
    return LoraConfig.ofRank(16).loraAlpha(32).targetModules("all-linear");
  }

  /** Runs it. */
  public static void main(String... args) {
    PROGRAM.main(
        args,
        arguments -> {
          Bench bench = new Bench(arguments);
          try (BusyThreads busy = new BusyThreads(arguments.integer("busy", 0))) {
            if (arguments.has("data")) {
              bench.pack();
            } else {
              for (String shape : arguments.list("shape", "tiny")) {
                bench.run(shape);
              }
            }
          }
        });
  }

  private Method method(String name) {
    Method method = METHODS.get(name);
    if (method == null) {
      throw arguments.error("no method '" + name + "'; there are " + METHODS.keySet());
    }
    return method;
  }

  private void pack() {
    Packed packed =
        new Packed(
            Path.of(arguments.text("model")),
            Data.read(arguments.text("data"))
                .prompt(arguments.text("prompt"))
                .answer(arguments.text("answer")),
            method(arguments.text("method", "lora")).config,
            batch,
            length,
            steps,
            WARM_UP);
    for (String name : arguments.list("cases", "padded,by-length,packed")) {
      System.out.println(packed.measure(name));
    }
  }

  private void run(String shape) {
    String method = arguments.text("method", "lora");
    Method chosen = method(method);
    Peft.Loader loader = Shape.loader(shape);
    if (arguments.has("precision")) {
      loader.precision(precision(arguments.text("precision")));
    }
    try (PeftModel model = loader.load().adapt(chosen.config)) {
      Adapter adapter = model.adapter(PeftModel.DEFAULT);
      Map<Trainable, ParameterGroup> groups =
          adapter.groups(chosen.rule, new ParameterGroup(RATE, 0.01));
      model.trainables().forEach(tensor -> tensor.freeze(!groups.containsKey(tensor)));
      StepListener listener = adapter.listener(chosen.rule);
      try (Optimizer optimizer = AdamW.DEFAULT.of(groups, RATE)) {
        Update update = new Update(optimizer, listener, 1.0);
        for (String name : arguments.list("cases", "recompute,train,inference")) {
          if (name.equals("serve")) {
            System.out.println(new Serving(model, ids(model), steps).measure(shape));
            continue;
          }
          Result result = measure(name, model, update);
          System.out.println(json(shape, method, name, model, groups.keySet(), result));
        }
      }
    }
  }

  private Precision precision(String name) {
    for (Precision precision : Precision.values()) {
      if (precision.name().equalsIgnoreCase(name)) {
        return precision;
      }
    }
    throw arguments.error("no precision '" + name + "'; there are " + List.of(Precision.values()));
  }

  /** The duration of a case, and its loss if it has one. */
  private record Result(double seconds, double loss) {}

  private Result measure(String name, PeftModel model, Update update) {
    double[] seconds = new double[WARM_UP + steps];
    double loss = Double.NaN;
    for (int i = 0; i < seconds.length; i++) {
      long start = System.nanoTime();
      loss =
          switch (name) {
            case "train" -> train(model, update, false);
            case "recompute" -> train(model, update, true);
            case "inference" -> read(model);
            default -> throw arguments.error("no case '" + name + "'");
          };
      seconds[i] = (System.nanoTime() - start) / 1e9;
    }
    double[] counted = Arrays.copyOfRange(seconds, WARM_UP, seconds.length);
    Arrays.sort(counted);
    return new Result(counted[counted.length / 2], loss);
  }

  private double train(PeftModel model, Update update, boolean recompute) {
    Backpropagation backpropagation = new Backpropagation(model, recompute);
    long[][] ids = ids(model);
    LossTargets targets = targets(model, ids);
    long labels = model.count(targets);
    try (Scope scope = new Scope()) {
      ModelInput input = ModelInput.of(model.base().manager(), ids, null);
      double sum = backpropagation.run(input, targets, 1.0 / labels, 1);
      update.run(1, 1, RATE, sum);
      return sum / labels;
    }
  }

  private double read(PeftModel model) {
    try (Scope scope = new Scope()) {
      ModelInput input = ModelInput.of(model.base().manager(), ids(model), null);
      // Fetching a number waits for the device.
      Tensors.floats(model.logits(input).get("0:1").flatten().get("0:1"));
      return Double.NaN;
    }
  }

  /** The same tokens at every step. */
  private long[][] ids(PeftModel model) {
    Random random = new Random(0);
    int vocabulary = model.base().config().size("vocab_size");
    long[][] ids = new long[batch][length];
    for (long[] row : ids) {
      Arrays.setAll(row, i -> random.nextInt(vocabulary));
    }
    return ids;
  }

  private static LossTargets targets(PeftModel model, long[][] ids) {
    return model.base().task().type() == Task.Type.SEQ_CLS
        ? new LossTargets.Classes(new long[ids.length])
        : new LossTargets.NextTokens(ids);
  }

  private String json(
      String shape,
      String method,
      String name,
      PeftModel model,
      Set<Trainable> trained,
      Result result) {
    StringBuilder json = new StringBuilder();
    json.append(
        String.format(
            Locale.ROOT,
            "{\"case\":\"%s\",\"shape\":\"%s\",\"method\":\"%s\",\"device\":\"%s\","
                + "\"precision\":\"%s\",\"batch\":%d,\"length\":%d,\"steps\":%d,\"step_ms\":%.2f,"
                + "\"tokens_per_second\":%.0f,\"trainable\":%d",
            name,
            shape,
            method,
            model.base().device(),
            model.base().precision(),
            batch,
            length,
            steps,
            1e3 * result.seconds(),
            batch * length / result.seconds(),
            trained.stream().mapToLong(Trainable::size).sum()));
    if (!Double.isNaN(result.loss())) {
      json.append(String.format(Locale.ROOT, ",\"loss\":%.4f", result.loss()));
    }
    List<String> memory = model.base().device().isGpu() ? DeviceMemory.used() : List.of();
    memory.forEach(mebibytes -> json.append(",\"device_memory_mib\":").append(mebibytes));
    return json.append("}").toString();
  }
}
