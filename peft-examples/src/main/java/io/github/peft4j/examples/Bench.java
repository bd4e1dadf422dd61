package io.github.peft4j.examples;

import io.github.peft4j.PeftModel;
import io.github.peft4j.data.reader.Data;
import io.github.peft4j.examples.bench.BusyThreads;
import io.github.peft4j.examples.bench.Feed;
import io.github.peft4j.examples.bench.Measurement;
import io.github.peft4j.examples.bench.Method;
import io.github.peft4j.examples.bench.Optimizers;
import io.github.peft4j.examples.bench.Packed;
import io.github.peft4j.examples.bench.Placement;
import io.github.peft4j.examples.bench.Serving;
import io.github.peft4j.examples.bench.Shape;
import io.github.peft4j.examples.bench.UnsoundException;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.transformer.DeviceMap;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Measures the speed and the memory of training, inference and generation, on the GPU if there is
 * one. It prints one line of JSON for each shape and case.
 *
 * <pre>
 * mvn -q compile exec:java -Dexec.mainClass=io.github.peft4j.examples.Bench \
 *     -Dexec.args="--shape 160m --batch 1 --length 256"
 * </pre>
 *
 * <p>A training step is that of {@code FineTuner}: forward pass, backward pass, clipping, AdamW.
 * Times are medians of all steps but the first ones, in which the JVM compiles. A training whose
 * loss does not fall, or that leaves a tensor without a gradient, is an error: it gets no line, and
 * the program ends with {@link #UNSOUND} after the other cases.
 *
 * <p>{@code serve} compares four threads with four threads that share a lock, each for as many
 * seconds as there are steps.
 *
 * <p>With {@code --ragged} the texts have lengths like Alpaca's, and each case is measured with
 * rows that are padded, of similar length, and packed. With {@code --data} it measures trainings on
 * the prompts and answers of a file instead, in the same three cases.
 *
 * <p>With {@code --devices 2} each training is measured on one device and on two, which have {@code
 * --batch} sequences each.
 *
 * <p>{@link BenchTable} makes a table of the lines. {@code peft-examples/bench} measures Hugging
 * Face PEFT in the same way.
 */
public final class Bench {

  /** The exit code if a measurement means nothing. */
  private static final int UNSOUND = 1;

  private static final Program PROGRAM =
      new Program(
          "Bench",
          "measures speed and memory, in training, inference and generation",
          """
          [--shape NAME,...]  tiny (the default), thin, minilm, smollm2-135m, 160m, 1b, 3b, 8b or 70b
          [--cases NAME,...]  some of recompute, train, host, inference, decode and serve;
                              recompute, train and inference by default
          [--method NAME]     lora (the default), lora-qv, lora-fa, dora, lst or none
          [--batch N]         sequences a step, 4 by default
          [--length N]        tokens of a sequence or a prompt, 128 by default
          [--new-tokens N]    tokens to generate, 128 by default
          [--ragged]          sequences of unequal lengths, as in Alpaca, up to --length
          [--rows NAME,...]   some of padded, by-length and packed, with --ragged; all by default
          [--warm-up N]       steps before, in which the JVM compiles: 10 by default, 3 of decode
          [--steps N]         measured steps, 8 by default
          [--devices N]       trains on one device, and on N together: --batch sequences on each
          [--device-map NAME]  layers on several GPUs: balanced over all, or their numbers, as in
                              16-31=gpu1, or 8-31=host
          [--host-layers N]   keeps the last N layers on the host
          [--precision NAME]  float32, bfloat16, float16 or float64
          [--quantize NAME]   keeps frozen weights in fewer bits: nf4, nf4-double, fp4, fp4-double,
                              int8, int8-absmax, float8-two-layouts or float8-one-layout
          [--offload-embeddings]  keeps the table of input embeddings in the host's memory
          [--optimizer NAME]  adamw (the default), adamw-8bit, paged-adamw or paged-adamw-8bit
          [--revision NAME]   of the code, for the result
          [--busy N]          threads that compute meanwhile, as other processes would
          [--data FILE]       trains on rows in .jsonl, .csv or .tsv: padded, by-length and packed
          [--model DIR]       the decoder that is trained on them, a folder
          [--prompt TEMPLATE]  their prompts: a column's name, or a text with {columns}
          [--answer TEMPLATE]  their answers
          """);

  private final Arguments arguments;
  private final List<String> problems = new ArrayList<>();

  private Bench(Arguments arguments) {
    this.arguments = arguments;
  }

  /** Runs it. */
  public static void main(String... args) {
    List<String> problems = new ArrayList<>();
    PROGRAM.main(
        args,
        arguments -> {
          Bench bench = new Bench(arguments);
          try (BusyThreads busy = new BusyThreads(arguments.integer("busy", 0))) {
            bench.run();
          }
          problems.addAll(bench.problems);
        });
    if (!problems.isEmpty()) {
      problems.forEach(problem -> System.err.println("Bench: " + problem));
      System.exit(UNSOUND);
    }
  }

  private void run() {
    if (arguments.has("data")) {
      trainOnFile();
      return;
    }
    for (String name : cases()) {
      if (!Measurement.CASES.contains(name)) {
        throw arguments.error(
            "no case '" + name + "'; there are " + String.join(", ", Measurement.CASES));
      }
    }
    for (String shape : arguments.list("shape", "tiny")) {
      for (int devices : devices()) {
        measure(measurement(Shape.of(shape), devices));
      }
    }
  }

  /** One, and as many as are asked for: both in one call can be compared. */
  private int[] devices() {
    if (!arguments.has("devices")) {
      return new int[] {0};
    }
    int devices = arguments.count("devices", 2);
    Placement.devices("--devices", devices, Placement.first()); // before one is measured alone
    return new int[] {1, devices};
  }

  private List<String> cases() {
    return arguments.list(
        "cases", arguments.has("devices") ? "train" : "recompute,train,inference");
  }

  private Measurement measurement(Shape shape, int devices) {
    return new Measurement(
        shape,
        method(),
        precision(),
        arguments.text("quantize", ""),
        arguments.has("offload-embeddings"),
        Optimizers.of(arguments.text("optimizer", "adamw")),
        batch(),
        length(),
        arguments.count("new-tokens", 128),
        arguments.integer("warm-up", 0),
        steps(),
        devices,
        deviceMap(shape),
        arguments.text("revision", ""));
  }

  /** Where the layers are; null for all on one device. */
  private @Nullable DeviceMap deviceMap(Shape shape) {
    if (arguments.has("host-layers")) {
      int first = Math.max(0, shape.layers() - arguments.count("host-layers", 1));
      return DeviceMap.on(Placement.first()).onHost(first, shape.layers() - 1);
    }
    if (!arguments.has("device-map")) {
      return null;
    }
    Map<String, Optional<String>> places = new LinkedHashMap<>();
    for (String place : arguments.list("device-map", "")) {
      String[] parts = place.split("=", 2);
      places.put(parts[0], parts.length < 2 ? Optional.empty() : Optional.of(parts[1]));
    }
    return Placement.map("--device-map", Placement.first(), places);
  }

  private void measure(Measurement measurement) {
    List<String> rows =
        arguments.has("ragged")
            ? arguments.list("rows", String.join(",", Feed.RAGGED))
            : List.of("even");
    try (PeftModel model = measurement.load()) {
      for (String row : rows) {
        Feed feed = measurement.feed(row);
        for (String name : cases()) {
          measure(measurement, name, model, feed);
        }
      }
    }
  }

  private void measure(Measurement measurement, String name, PeftModel model, Feed feed) {
    try {
      System.out.println(
          name.equals("serve")
              ? serve(measurement, model, feed)
              : measurement.measure(name, model, feed));
    } catch (UnsoundException e) {
      problems.add(e.getMessage());
    }
  }

  private String serve(Measurement measurement, PeftModel model, Feed feed) {
    model.adapt(measurement.method().required());
    try {
      long[][] ids = feed.batches().get(0).inputIds();
      return new Serving(model, ids, steps()).measure(measurement.shape().name());
    } finally {
      model.remove(PeftModel.DEFAULT);
    }
  }

  private void trainOnFile() {
    Packed packed =
        new Packed(
            Path.of(arguments.text("model")),
            Data.read(arguments.text("data"))
                .prompt(arguments.text("prompt"))
                .answer(arguments.text("answer")),
            method().required(),
            batch(),
            length(),
            steps());
    for (String name : arguments.list("cases", String.join(",", Feed.RAGGED))) {
      System.out.println(packed.measure(name));
    }
  }

  private Method method() {
    return Method.of(arguments.text("method", "lora"));
  }

  private @Nullable Precision precision() {
    if (!arguments.has("precision")) {
      return null;
    }
    String name = arguments.text("precision");
    for (Precision precision : Precision.values()) {
      if (precision.name().equalsIgnoreCase(name)) {
        return precision;
      }
    }
    throw arguments.error("no precision '" + name + "'; there are " + List.of(Precision.values()));
  }

  private int batch() {
    return arguments.count("batch", 4);
  }

  private int length() {
    return arguments.count("length", 128);
  }

  private int steps() {
    return arguments.count("steps", 8);
  }
}
