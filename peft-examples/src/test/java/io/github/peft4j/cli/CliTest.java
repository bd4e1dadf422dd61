package io.github.peft4j.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Commands run in this process, on models of a few thousand weights. */
class CliTest {

  private static final Path GOLDEN =
      Path.of("..", "peft-methods", "src", "test", "resources", "golden");

  @TempDir private Path folder;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private Path model = Path.of("");
  private Path data = Path.of("");

  @BeforeEach
  void makeModelAndData() throws IOException {
    model = model("tiny-llama");
    data = write("train.jsonl", "{\"prompt\": \"w3 w4\", \"completion\": \" w5 w6\"}\n".repeat(6));
  }

  /** A golden model with a tokenizer: words w3 … w39 are the ids 3 … 39. */
  private Path model(String name) throws IOException {
    Path target = Files.createDirectories(folder.resolve(name));
    for (String file : List.of("config.json", "model.safetensors")) {
      Files.copy(GOLDEN.resolve(name).resolve(file), target.resolve(file));
    }
    String words =
        IntStream.range(3, 40)
            .mapToObj(i -> "\"w%d\": %d".formatted(i, i))
            .collect(Collectors.joining(", "));
    Files.writeString(
        target.resolve("tokenizer.json"),
        """
        {"version": "1.0", "truncation": null, "padding": null,
         "added_tokens": [
           {"id": 0, "content": "<pad>", "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false},
           {"id": 2, "content": "</s>", "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false}],
         "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
         "model": {"type": "WordLevel", "unk_token": "<unk>", "vocab": {"<pad>": 0, "<unk>": 1, "</s>": 2, %s}}}
        """
            .formatted(words));
    return target;
  }

  private Path write(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }

  private int run(Object... args) {
    out.reset();
    err.reset();
    return Cli.run(
        new PrintStream(out, true, StandardCharsets.UTF_8),
        new PrintStream(err, true, StandardCharsets.UTF_8),
        Arrays.stream(args).map(Object::toString).toArray(String[]::new));
  }

  private int finetune(Object... more) {
    List<Object> args = new ArrayList<>(List.of("finetune", "--model", model, "--data", data));
    args.addAll(List.of(more));
    return run(args.toArray());
  }

  private void assertFine(int code) {
    assertThat(code).as(err()).isZero();
  }

  /** Runs that must end with exit code 2 and this line, which advises no methods of Java. */
  private void assertMistake(int code, String line) {
    assertThat(err()).endsWith("\n").hasLineCount(1).contains(line).doesNotContainPattern("\\w\\(");
    assertThat(code).isEqualTo(Cli.MISTAKE);
  }

  private String out() {
    return out.toString(StandardCharsets.UTF_8);
  }

  private String err() {
    return err.toString(StandardCharsets.UTF_8);
  }

  @Test
  void trainsMeasuresWritesAndMerges() {
    Path adapter = folder.resolve("adapter");
    Path report = folder.resolve("report.html");

    assertFine(
        finetune(
            "--validation",
            data,
            "--epochs",
            1,
            "--batch-size",
            2,
            "--quiet",
            "--set",
            "r=2",
            "--output",
            adapter,
            "--report",
            report));
    assertThat(out()).contains("task: prompts, recognised", "3 steps", "adapter: " + adapter);
    assertThat(adapter.resolve("adapter_model.safetensors")).exists();
    assertThat(report).exists();

    assertFine(run("evaluate", "--model", model, "--adapter", adapter, "--data", data));
    assertThat(out()).contains("loss: ", "perplexity: ");

    assertFine(
        run(
            "generate",
            "--model",
            model,
            "--adapter",
            adapter,
            "--prompt",
            "w3 w4",
            "--max-new-tokens",
            3));
    assertThat(out().strip().split(" ")).hasSizeBetween(1, 3);

    Path merged = folder.resolve("merged");
    assertFine(run("merge", "--model", model, "--adapter", adapter, "--output", merged));
    assertFine(run("evaluate", "--model", merged, "--data", data));
    assertMistake(
        run(
            "merge",
            "--model",
            model,
            "--adapter",
            adapter,
            "--output",
            folder.resolve("onnx"),
            "--onnx"),
        "does not write as ONNX. Leave out --onnx");
  }

  @Test
  void aDryRunShowsTheTokensAndTrainsNothing() {
    assertFine(finetune("--dry-run", "--show", 1, "--set", "r=2", "--batch-size", 3));
    assertThat(out())
        .contains("data: 6 examples", "run: 6 steps, 3 epochs", "trainable params:")
        .contains("row 1: 5 tokens", "  read  w3 w4", "  learn w5 w6 </s>")
        .doesNotContain("row 2");
  }

  @Test
  void aDryRunShowsPackedRows() {
    assertFine(finetune("--dry-run", "--packing", "--max-length", 10));
    assertThat(out()).contains("row 1: 2 examples, 10 tokens").contains("  --");
  }

  @Test
  void aDryRunShowsPreferences() throws IOException {
    data =
        write(
            "pairs.jsonl",
            "{\"prompt\": \"w3\", \"chosen\": \" w4\", \"rejected\": \" w5\"}\n".repeat(2));
    assertFine(finetune("--dry-run", "--show", 1, "--preference", "orpo"));
    assertThat(out())
        .contains("task: preferences", "ORPO with beta 0.1")
        .containsSubsequence("chosen", "read  w3", "learn w4 </s>", "rejected", "learn w5 </s>");
    assertFine(run("evaluate", "--model", model, "--data", data));
    assertThat(out()).contains("rewards/accuracies");
  }

  @Test
  void trainsEmbeddings() throws IOException {
    model = model("tiny-bert");
    data = write("near.jsonl", "{\"anchor\": \"w3 w5\", \"positive\": \"w4\"}\n");
    assertFine(finetune("--dry-run", "--task", "embeddings"));
    assertThat(out()).containsSubsequence("text 1", "read  w3 w5", "text 2", "read  w4");

    data = write("alike.csv", "a,b,s\nw3,w4,0.5\nw5,w6,0.1\nw7,w8,0.9\n");
    Path adapter = folder.resolve("near");
    Object[] columns = {"--column", "text=a", "--column", "pair=b", "--column", "score=s"};
    List<Object> args = new ArrayList<>(Arrays.asList(columns));
    args.addAll(List.of("--task", "similarity", "--epochs", 1, "--quiet", "--output", adapter));
    args.addAll(List.of("--validation", data));
    assertFine(finetune(args.toArray()));
    assertThat(out()).contains("spearman_cosine");
  }

  @Test
  void aDryRunShowsTheLabelsOfClassifiers() throws IOException {
    model = model("tiny-bert");
    data = write("texts.csv", "body,stars\nw3 w4,1\nw5,2\n");
    assertFine(finetune("--dry-run", "--column", "text=body", "--column", "label=stars"));
    assertThat(out()).contains("task: classify", "read  w3 w4", "learn label 1", "learn label 2");

    data = write("words.jsonl", "{\"tokens\": [\"w3\", \"w4\"], \"tags\": [\"B-X\", \"O\"]}\n");
    assertFine(finetune("--dry-run", "--task", "tokens"));
    assertThat(out()).contains("w3→B-X w4→O");

    data = write("many.jsonl", "{\"text\": \"w3\", \"labels\": [\"a\", \"b\"]}\n");
    assertFine(finetune("--dry-run", "--task", "multi-label"));
    assertThat(out()).contains("learn label a label b");

    data = write("numbers.jsonl", "{\"text\": \"w3\", \"pair\": \"w4\", \"score\": 0.5}\n");
    assertFine(finetune("--dry-run", "--task", "regression"));
    assertThat(out()).contains("read  w3", "learn number 0.5");
  }

  @Test
  void anAdapterKeepsItsLabels() throws IOException {
    model = model("tiny-bert");
    data = write("texts.csv", "text,label\nw3 w4,no\nw5,yes\nw6,maybe\n");
    Path adapter = folder.resolve("labels");
    assertFine(finetune("--epochs", 1, "--quiet", "--output", adapter));

    Path test = write("test.csv", "text,label\nw3 w4,no\nw5,yes\n");
    assertFine(run("evaluate", "--model", model, "--adapter", adapter, "--data", test));
    assertThat(out()).contains("accuracy: ");

    Path merged = folder.resolve("merged");
    Object[] merge = {"merge", "--model", model, "--adapter", adapter, "--output", merged};
    assertMistake(
        run(merge), "--task is missing: the adapter has a classifier of [maybe, no, yes]");
    Object[] told = Arrays.copyOf(merge, merge.length + 2);
    told[merge.length] = "--task";
    told[merge.length + 1] = "classify";
    assertFine(run(told));
    assertThat(merged.resolve("config.json")).content().contains("maybe");
    Object[] onnx = Arrays.copyOf(told, told.length + 1);
    onnx[6] = folder.resolve("onnx");
    onnx[told.length] = "--onnx";
    assertFine(run(onnx));
    assertThat(folder.resolve("onnx/model.onnx")).isNotEmptyFile();
    assertThat(folder.resolve("onnx/model.safetensors")).doesNotExist();
  }

  @Test
  void whatADryRunPrintsIsASettingsFile() throws IOException {
    assertFine(
        finetune(
            "--dry-run",
            "--set",
            "target_modules=q_proj,v_proj",
            "--set",
            "r=4",
            "--learning-rate",
            "1e-3",
            "--packing",
            "--steps",
            2));
    String shown = out();
    Path settings = write("settings.yaml", shown.substring(shown.indexOf("# The same settings")));

    assertFine(run("finetune", "--settings", settings, "--dry-run"));

    assertThat(out().replace(", recognised by the columns of the data", ""))
        .isEqualTo(shown.replace(", recognised by the columns of the data", ""));
    assertThat(out()).contains("learning_rate: 0.001", "adapter.r: 4", "run: 2 steps");
  }

  @Test
  void theCommandLineHasPrecedenceOverAFileOfJson() throws IOException {
    Path settings =
        write(
            "settings.json",
            """
            {"model": "%s", "data": ["%s"], "epochs": 5, "batch-size": 6, "packing": false,
             "set": {"r": 2, "lora_alpha": 7}}
            """
                .formatted(model, data));
    assertFine(run("finetune", "--settings", settings, "--dry-run", "--epochs", 2, "--set", "r=3"));
    assertThat(out()).contains("run: 2 steps, 2 epochs", "adapter.r: 3", "adapter.lora_alpha: 7");
  }

  @Test
  void mistakesAreOneLineThatNamesTheOption() throws IOException {
    assertMistake(run("finetune"), "peft4j finetune: --model is missing");
    assertMistake(run("finetune", "--model", model), "--data is missing");
    assertMistake(finetune(), "--output is missing");
    assertMistake(finetune("--modle", "x"), "'--modle', 'x'; the nearest is --model");
    assertMistake(finetune("--load-in-4bit"), "'--load-in-4bit'; --help lists the options");
    assertMistake(finetune("--epochs", "many"), "'--epochs'");
    assertMistake(
        finetune("--epochs", 0, "--dry-run"), "--epochs: epochs is 0, expected 1 or more");
    assertMistake(finetune("--epochs", 1, "--steps", 1, "--dry-run"), "exclude each other");
    assertMistake(finetune("--learning-rate", -1, "--dry-run"), "--learning-rate: ");
    assertMistake(finetune("--max-length", 100_000, "--dry-run"), "maxLength is 100000");
    assertMistake(finetune("--show", -1, "--dry-run"), "--show is -1");
    assertMistake(
        finetune("--task", "guess", "--dry-run"), "'--task': 'guess', expected one of [chat");
    assertMistake(finetune("--beta", "0.5", "--dry-run"), "--beta is for the task preferences");
    assertMistake(
        finetune("--method", "lorra", "--dry-run"), "--method: unknown peft_type 'LORRA'");
    assertMistake(finetune("--set", "alpha=3", "--dry-run"), "the nearest are lora_alpha");
    assertMistake(finetune("--set", "r=0", "--dry-run"), "--set: LORA: LoraConfig: field 'r' is 0");
    assertMistake(finetune("--set", "target_modules=q", "--dry-run"), "target_modules");
    assertMistake(finetune("--device", "tpu", "--dry-run"), "--device is 'tpu'");
    assertMistake(finetune("--device", "gpu99", "--dry-run"), "--device is gpu99");
    assertMistake(finetune("--column", "text=prompt", "--task", "chat", "--dry-run"), "messages");
    assertMistake(run("finetune", "--model", folder, "--data", data, "--dry-run"), "--model: ");
    data = folder.resolve("none.csv");
    assertMistake(finetune("--dry-run"), "--data: ");
    data = write("chat.jsonl", "{\"messages\": [{\"role\": \"user\", \"content\": \"w3\"}]}\n");
    assertMistake(finetune("--dry-run"), "has no chat template");
  }

  @Test
  void anAdapterIsNotOverwrittenByMistake() throws IOException {
    Path adapter = Files.createDirectories(folder.resolve("adapter"));
    Path config = Files.writeString(adapter.resolve("adapter_config.json"), "mine");
    Object[] again = {"--quiet", "--steps", 1, "--output", adapter};
    assertMistake(
        finetune(again),
        "--output: %s has an adapter already (adapter_config.json). Take another folder, or --overwrite to replace it, or --adapter %s to train it further"
            .formatted(adapter, adapter));
    assertThat(config).content().isEqualTo("mine");
    assertThat(out()).isEmpty();

    Object[] told = Arrays.copyOf(again, again.length + 1);
    told[again.length] = "--overwrite";
    assertFine(finetune(told));
    assertThat(config).content().contains("LORA");

    Path further = folder.resolve("further");
    assertFine(finetune("--quiet", "--steps", 1, "--adapter", adapter, "--output", further));
    assertThat(further.resolve("adapter_config.json")).exists();
    assertMistake(
        finetune("--adapter", adapter, "--set", "r=4", "--dry-run"), "exclude each other");
    assertMistake(finetune("--output", model, "--overwrite"), "is the folder of --model");
    assertMistake(
        run("merge", "--model", model, "--adapter", adapter, "--output", model, "--overwrite"),
        "is the folder of --model");
  }

  @Test
  void settingsOfTheLossAndOfSeveralValidationSetsReachTheTraining() throws IOException {
    model = model("tiny-bert");
    data = write("texts.csv", "text,label\nw3 w4,no\nw5,yes\nw6,yes\nw7,yes\n");
    Path settings =
        write(
            "settings.yaml",
            """
            class-weights: balanced
            label-smoothing: 0.1
            schedule: cosine
            weight-decay: 0
            validation: {dev: %s, hard: [%s]}
            metric: hard/loss
            evaluation-batch-size: 2
            stop-early: 2
            """
                .formatted(data, data));
    assertFine(finetune("--settings", settings, "--dry-run"));
    assertThat(out())
        .contains(
            "objective: cross entropy, class weights [2.0, 0.6666666666666666], label smoothing"
                + " 0.1",
            "schedule: cosine",
            "class-weights: balanced",
            "metric: hard/loss");
    assertFine(finetune("--dry-run", "--class-weights", "no=3,yes=1", "--labels", "yes,no"));
    assertThat(out()).contains("class weights [1.0, 3.0]");
    Path log = folder.resolve("log.jsonl");
    Path adapter = folder.resolve("adapter");
    assertFine(
        finetune(
            "--settings", settings, "--quiet", "--epochs", 1, "--log", log, "--output", adapter));
    assertThat(out()).contains("dev/accuracy", "hard/loss");
    assertThat(log).content().contains("hard/loss");
    assertFine(finetune("--hold-out", 0.25, "--limit", 4, "--dry-run"));
    assertThat(out()).contains("data: 3 examples");

    assertMistake(finetune("--class-weights", "no=1", "--dry-run"), "name each of them");
    assertMistake(finetune("--class-weights", "no=1,yes", "--dry-run"), "'yes' has no weight");
    assertMistake(finetune("--keep-best", "--dry-run"), "--keep-best does nothing without");
    assertMistake(finetune("--metric", "bleu", "--validation", data, "--dry-run"), "--metric: ");
    assertMistake(
        finetune("--validation", "dev=" + data, "--validation", data, "--dry-run"), "has no name");
    assertMistake(finetune("--train-on", "all", "--dry-run"), "--train-on is for the task chat");
    assertMistake(finetune("--checkpoint-every", 3, "--dry-run"), "without --checkpoints DIR");
  }

  @Test
  void partsOfConversationsAreChosen() throws IOException {
    Files.writeString(
        model.resolve("chat_template.jinja"),
        "{% for m in messages %}{{ m.content }} {% endfor %}");
    data =
        write(
            "chat.jsonl",
            "{\"messages\": [{\"role\": \"user\", \"content\": \"w3\"}, {\"role\": \"assistant\","
                + " \"content\": \"w4\"}]}\n");
    assertFine(finetune("--dry-run", "--train-on", "assistant-turns"));
    assertThat(out()).contains("  read  w3", "  learn w4");
    data =
        write(
            "longer.jsonl",
            "{\"messages\": [%s, %s, %s]}\n"
                .formatted(
                    "{\"role\": \"user\", \"content\": \"w3\"}",
                    "{\"role\": \"user\", \"content\": \"w5\"}",
                    "{\"role\": \"assistant\", \"content\": \"w4\"}"));
    assertFine(finetune("--dry-run", "--train-on", "all"));
    assertThat(out()).contains("  learn w5 w4", "reading: trained on all");
    assertFine(run("evaluate", "--model", model, "--data", data, "--train-on", "all"));
  }

  @Test
  void pairsTagsAndLabelsAreRecognised() throws IOException {
    model = model("tiny-bert");
    data = write("pairs.csv", "text,pair,label\nw3,w4,a\nw5,w6,b\n");
    assertFine(finetune("--dry-run"));
    assertThat(out()).contains("task: pairs, recognised by the columns of the data");
    data = write("columns.csv", "p,h,l\nw3,w4,a\nw5,w6,b\n");
    assertFine(
        finetune("--dry-run", "--column", "text=p", "--column", "pair=h", "--column", "label=l"));
    assertThat(out()).contains("task: pairs, recognised by --column");
    data = write("topics.csv", "text,labels\nw3,\"a, b\"\nw4,b\n");
    assertFine(finetune("--dry-run", "--label-separator", ","));
    assertThat(out()).contains("task: multi-label, recognised by --label-separator");
    data = write("scores.csv", "text,score\nw3,1\nw4,2\n");
    assertMistake(
        finetune("--dry-run"), "fit several forms: text, score; text. Say which by --task");
  }

  @Test
  void aReportThatCannotBeWrittenCostsNoAdapter() throws IOException {
    model = model("tiny-bert");
    data = write("tags.jsonl", "{\"tokens\": [\"w3\", \"w4\"], \"tags\": [\"B-X\", \"O\"]}\n");
    Path adapter = folder.resolve("tagger");
    Path report = folder.resolve("tags.html");
    assertFine(finetune("--epochs", "1", "--quiet", "--output", adapter, "--report", report));
    assertThat(report).content().contains("Sample predictions", "w3");
    assertMistake(
        finetune(
            "--epochs", "1", "--quiet", "--overwrite", "--output", adapter, "--report", folder),
        "cannot write");
    assertThat(out()).contains("adapter: " + adapter);
  }

  @Test
  void wordsWithTagsAreReadFromConll() throws IOException {
    model = model("tiny-bert");
    data = write("train.conll", "w3 B-X\nw4 O\n\nw5 O\n");
    assertMistake(
        finetune("--dry-run"), "for words with tags in CoNLL's format, give --task tokens");
    assertFine(finetune("--dry-run", "--task", "tokens"));
    assertThat(out()).contains("data: 2 examples", "w3→B-X w4→O");
    assertMistake(
        finetune("--dry-run", "--task", "tokens", "--column", "tags=x"),
        "has no columns of a name");
  }

  @Test
  void errorsOfTheLibraryAdviseOptions() throws IOException {
    Path llama = model;
    model = model("tiny-bert");
    data = write("a.csv", "review,stars\nw3,1\n");
    assertMistake(finetune("--dry-run"), "no form is recognised by the columns review, stars");
    assertThat(err()).contains("by --column ROLE=COLUMN which columns it has");
    data = write("b.jsonl", "{\"messages\": [], \"text\": \"w3\"}\n");
    assertMistake(finetune("--dry-run"), "fit several forms: messages; text. Say which by --task");
    data = write("c.csv", "text,label\nw3,nan\nw4,a\nw5,b\n");
    assertMistake(finetune("--dry-run"), "Leave such rows out by --skip-unlabelled");
    assertFine(finetune("--dry-run", "--skip-unlabelled"));
    data = write("d.csv", "text,label\n,a\nw4,a\nw5,b\n");
    assertMistake(finetune("--dry-run"), "Leave such rows out by --skip-empty");
    assertFine(finetune("--dry-run", "--skip-empty", "text"));
    data = write("e.csv", "text,labels\nw3,\"a,b\"\nw4,a\n");
    assertMistake(finetune("--task", "multi-label", "--dry-run"), "--label-separator ,");
    assertFine(finetune("--task", "multi-label", "--label-separator", ",", "--dry-run"));
    data = write("f.csv", "prompt,completion\nw3,w4\n");
    assertMistake(finetune("--dry-run"), "it takes texts with labels. Take another model, or");
    assertMistake(
        run("generate", "--model", model, "--prompt", "w3"), "writes no text. Take a model for");
    assertMistake(
        run("merge", "--model", model, "--adapter", "x", "--output", "y", "--task", "classify"),
        "--labels is missing");
    model = llama;
    data = write("g.csv", "prompt,completion\nw3, w4 w5 w6 w7\n");
    assertMistake(
        finetune("--max-length", 4, "--dry-run"),
        "Raise --max-length to 6, or leave such examples out by --skip-too-long");
    assertMistake(
        run("evaluate", "--model", model, "--data", data, "--batch-size", 0), "batchSize is 0");
    assertMistake(run("generate", "--model", model, "--prompt", " "), "the text is empty");
    assertMistake(
        run("generate", "--model", model, "--prompt", "w3", "--top-k", 2), "--temperature");
  }

  @Test
  void aClosedOutputEndsAText() {
    PrintStream closed = new PrintStream(OutputStream.nullOutputStream());
    closed.close();
    int code =
        Cli.run(
            closed,
            new PrintStream(err, true, StandardCharsets.UTF_8),
            "generate",
            "--model",
            model.toString(),
            "--prompt",
            "w3");
    assertThat(code).isEqualTo(Cli.FAILED);
    assertThat(err())
        .isEqualTo("peft4j: the output is closed or full: not all of it was written\n");
  }

  @Test
  void aPromptIsReadFromTheInput() {
    InputStream before = System.in;
    try {
      System.setIn(new ByteArrayInputStream("w3\nw4\n".getBytes(StandardCharsets.UTF_8)));
      assertFine(run("generate", "--model", model, "--prompt", "-", "--max-new-tokens", 2));
      System.setIn(new ByteArrayInputStream(new byte[0]));
      assertMistake(run("generate", "--model", model, "--prompt", "-"), "the input is empty");
    } finally {
      System.setIn(before);
    }
  }

  @Test
  void stackTracesAreShownWhenAskedFor() {
    data = folder.resolve("none.csv");
    assertThat(finetune("--dry-run", "--verbose")).isEqualTo(Cli.MISTAKE);
    assertThat(err()).contains("--data: ", "\tat io.github.peft4j.");
    assertFine(run("--version"));
    assertThat(out()).contains("peft4j", "pytorch", "java");
  }

  @Test
  void mistakesInASettingsFileNameTheFile() throws IOException {
    assertSettingsMistake("epoch: 3", "there is no setting 'epoch'; the nearest is 'epochs'");
    assertSettingsMistake("packing: maybe", "setting 'packing' is \"maybe\", expected true or");
    assertSettingsMistake("epochs: [1, 2]", "setting 'epochs' is [1,2], expected one value");
    assertSettingsMistake("set: 3", "setting 'set' is 3, expected names with values");
    assertSettingsMistake("- 3", "has no settings");
    assertSettingsMistake("epochs:", "'epochs' has no value");
    assertSettingsMistake("epochs: [", "is neither YAML nor JSON");
    assertSettingsMistake("epochs: 1\nepochs: 2", "duplicate");
    assertSettingsMistake("epochs: !!java.net.URL [x]", "settings.yaml");
    assertMistake(run("finetune", "--settings", folder.resolve("no.yaml")), "there is no file");
  }

  private void assertSettingsMistake(String text, String line) throws IOException {
    Path settings = write("settings.yaml", text);
    assertMistake(finetune("--settings", settings, "--dry-run"), line);
  }

  @Test
  void aRunThatDivergesIsAFailure() {
    assertThat(finetune("--quiet", "--learning-rate", 1e30, "--steps", 20, "--output", folder))
        .isEqualTo(Cli.FAILED);
    assertThat(err()).startsWith("peft4j finetune: ").hasLineCount(1);
  }

  /** Ctrl-C is a signal, so this run has a process of its own. */
  @Test
  @EnabledOnOs({OS.LINUX, OS.MAC})
  void aRunThatCtrlCStoppedIsContinuedByTheSameCommand() throws Exception {
    assumeFalse(
        ignoresCtrlC(), "these tests were started with SIGINT ignored, which children inherit");
    Path adapter = folder.resolve("adapter");
    Path checkpoints = folder.resolve("checkpoints");
    Process training =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Dai.djl.offline=true",
                "-cp",
                System.getProperty("java.class.path"),
                Cli.class.getName(),
                "finetune",
                "--model=" + model,
                "--data=" + data,
                "--quiet",
                "--steps=1000000",
                "--checkpoints=" + checkpoints,
                "--output=" + adapter)
            .redirectOutput(folder.resolve("said.txt").toFile())
            .redirectError(folder.resolve("complained.txt").toFile())
            .start();
    try {
      while (training.isAlive() && newest(checkpoints) == 0) {
        Thread.sleep(20);
      }
      new ProcessBuilder("kill", "-INT", "" + training.pid()).start().waitFor();
      assertThat(training.waitFor(60, TimeUnit.SECONDS)).as("has ended").isTrue();
      assertThat(training.exitValue()).isEqualTo(Cli.STOPPED);
    } finally {
      training.destroyForcibly();
    }
    assertThat(adapter).doesNotExist();

    int further = newest(checkpoints) + 2;
    assertFine(
        finetune("--quiet", "--steps", further, "--checkpoints", checkpoints, "--output", adapter));
    assertThat(out()).contains(String.format(Locale.ROOT, "%,d steps, final loss", further));
    assertThat(adapter).exists();
  }

  /** Whether SIGINT, signal 2, is ignored, as in a shell's background. Linux says so. */
  private static boolean ignoresCtrlC() throws IOException {
    Path status = Path.of("/proc/self/status");
    return Files.exists(status)
        && Files.readAllLines(status).stream()
            .filter(line -> line.startsWith("SigIgn:"))
            .anyMatch(
                line -> (Long.parseUnsignedLong(line.substring(7).strip(), 16) >> 1 & 1) == 1);
  }

  /** The step of the newest checkpoint, or 0. */
  private static int newest(Path checkpoints) throws IOException {
    if (!Files.isDirectory(checkpoints)) {
      return 0;
    }
    try (Stream<Path> folders = Files.list(checkpoints)) {
      return folders
          .map(each -> each.getFileName().toString())
          .filter(name -> name.matches("checkpoint-\\d+"))
          .mapToInt(name -> Integer.parseInt(name.substring("checkpoint-".length())))
          .max()
          .orElse(0);
    }
  }

  @Test
  void trainsOnSeveralDevices() {
    Path adapter = folder.resolve("adapter");
    Path report = folder.resolve("report.html");
    assertFine(
        finetune(
            "--devices",
            2,
            "--device",
            "cpu",
            "--batch-size",
            4,
            "--steps",
            1,
            "--quiet",
            "--output",
            adapter,
            "--report",
            report));
    assertThat(out()).contains("2 rows at once");
    assertThat(report).content().contains("cpu(), cpu()");

    assertFine(finetune("--devices", 2, "--device", "cpu", "--dry-run"));
    assertThat(out()).contains("devices: 2\n");
    assertMistake(finetune("--devices", 0, "--dry-run"), "--devices is 0, expected 1 or more");
    assertMistake(
        finetune("--devices", 2, "--device-map", "1=host", "--dry-run"),
        "--devices and --device-map exclude each other");
    assertMistake(
        finetune("--devices", 3, "--device", "cpu", "--batch-size", 2, "--dry-run"),
        "Give --batch-size 3 or more");
  }

  @Test
  void devicesThatCompareABatchNeedOneEach() throws IOException {
    data = write("pairs.csv", "anchor,positive\nw3 w4,w5\nw6 w7,w8\n");
    assertMistake(
        finetune("--devices", 2, "--device", "cpu", "--task", "embeddings", "--dry-run"),
        "Give --accumulate 2");
  }

  @Test
  void layersAreOnSeveralDevices() throws IOException {
    Path adapter = folder.resolve("adapter");
    data = write("train.jsonl", "{\"prompt\": \"w3\", \"completion\": \" w5\"}\n");
    Path settings =
        write("run.yaml", "device: cpu\ndevice-map: {0: cpu, 1: host}\nsteps: 1\nset: {r: 2}\n");
    assertFine(finetune("--settings", settings, "--quiet", "--output", adapter));
    assertFine(finetune("--settings", settings, "--dry-run"));
    assertThat(out()).contains("device-map:\n  '0': cpu\n  '1': host\n");
    assertFine(
        run(
            "evaluate",
            "--model",
            model,
            "--adapter",
            adapter,
            "--data",
            data,
            "--device-map",
            "0-1=host"));

    assertMistake(
        finetune("--device-map", "0-9", "--dry-run"),
        "--device-map is '0-9', expected balanced alone, or layers with their device");
    assertMistake(
        finetune("--device-map", "3-1=host", "--dry-run"), "the first layer and then the last one");
    assertMistake(
        finetune("--device-map", "0-1=gpu99", "--dry-run"), "--device-map 0-1 is gpu99, but");
    assertMistake(
        finetune("--device-map", "balanced", "--device", "cpu", "--dry-run"),
        "--device and --device-map balanced exclude each other");
  }

  @Test
  void trainsOnWeightsInFewerBits() {
    Path adapter = folder.resolve("adapter");
    assertFine(
        finetune(
            "--quantize", "nf4", "--steps", 1, "--set", "r=2", "--quiet", "--output", adapter));
    assertFine(
        run(
            "generate",
            "--model",
            model,
            "--adapter",
            adapter,
            "--quantize",
            "int8",
            "--prompt",
            "w3"));

    assertMistake(
        finetune("--quantize", "nf5", "--dry-run"),
        "--quantize: no quantization is called 'nf5'; expected one of nf4, nf4-double, fp4,");
    assertMistake(
        finetune("--quantize", "nf4", "--keep-blocks", "--dry-run"),
        "--quantize and --keep-blocks exclude each other");
    assertMistake(
        finetune("--keep-blocks", "--dry-run"),
        "is no .gguf file, and nothing else has blocks: leave it out, or give --quantize nf4");
    assertMistake(
        finetune("--quantize", "float8-one-layout", "--device", "cpu", "--dry-run"),
        "Leave out --quantize, or take another one, such as nf4");
    assertMistake(
        run(
            "generate",
            "--model",
            Path.of("..", "peft-core", "src", "test", "resources", "quantized-checkpoints", "nf4"),
            "--quantize",
            "nf4",
            "--prompt",
            "w3"),
        "the weights are quantised already, 4-bit by bitsandbytes, and are kept so."
            + " Leave out --quantize\n");
    assertFine(finetune("--offload-embeddings", "--dry-run"));
  }

  @Test
  void everyCommandTakesAGgufFile() throws IOException {
    Path gguf =
        Path.of("..", "peft-core", "src", "test", "resources", "io/github/peft4j/gguf/llama.gguf");
    data = write("gguf.jsonl", "{\"prompt\": \"the quick\", \"completion\": \" fox\"}\n".repeat(4));
    Path adapter = folder.resolve("adapter");
    for (String blocks : List.of("", "--keep-blocks")) {
      List<Object> train =
          new ArrayList<>(
              List.of("finetune", "--model", gguf, "--data", data, "--steps", 1, "--set", "r=2"));
      train.addAll(List.of("--quiet", "--overwrite", "--output", adapter));
      if (!blocks.isEmpty()) {
        train.add(blocks);
      }
      assertFine(run(train.toArray()));
    }
    assertFine(run("evaluate", "--model", gguf, "--adapter", adapter, "--data", data));
    assertFine(
        run(
            "generate",
            "--model",
            gguf,
            "--keep-blocks",
            "--prompt",
            "the",
            "--max-new-tokens",
            2));
    assertFine(
        run(
            "chat",
            "--model",
            gguf,
            "--adapter",
            adapter,
            "--prompt",
            "hi",
            "--max-new-tokens",
            2));
    Path merged = folder.resolve("merged");
    assertFine(run("merge", "--model", gguf, "--adapter", adapter, "--output", merged));
    assertThat(merged.resolve("model.safetensors")).exists();

    Path again = folder.resolve("again");
    Object[] merge = {"merge", "--model", gguf, "--adapter", adapter, "--output", again, "--gguf"};
    assertFine(run(Stream.concat(Stream.of(merge), Stream.of("q8_0")).toArray()));
    assertThat(again).isDirectoryContaining(file -> file.endsWith("model.gguf"));
    assertFine(run("evaluate", "--model", again.resolve("model.gguf"), "--data", data));
    assertMistake(
        run(Stream.concat(Stream.of(merge), Stream.of("Q4_K_M", "--overwrite")).toArray()),
        "--gguf is 'Q4_K_M'; expected F16, BF16, F32, Q8_0, Q6_K, Q5_K, Q4_K or Q4_0");
    assertMistake(
        run(Stream.concat(Stream.of(merge), Stream.of("Q4_1", "--overwrite")).toArray()),
        "--gguf: Q4_1 is no type of a model to write; expected one of");
    assertMistake(
        run(Stream.concat(Stream.of(merge), Stream.of("F16", "--onnx")).toArray()),
        "--onnx and --gguf exclude each other");
  }

  @Test
  void chatsByTheTemplateUntilTheInputEnds() throws IOException {
    Files.writeString(
        model.resolve("chat_template.jinja"),
        "{% for m in messages %}{{ m.content }} {% endfor %}");
    InputStream before = System.in;
    System.setIn(new ByteArrayInputStream("w3 w4\n\nw5\n".getBytes(StandardCharsets.UTF_8)));
    try {
      assertFine(run("chat", "--model", model, "--max-new-tokens", 2));
    } finally {
      System.setIn(before);
    }
    assertThat(out().split("> ", -1)).hasSize(5);

    assertFine(run("chat", "--model", model, "--prompt", "w3", "--max-new-tokens", 2));
    assertThat(out()).doesNotContain(">");
  }

  @Test
  void anAdapterOfSeveralMethodsIsTrainedFurther() throws IOException {
    Path both = Files.createDirectories(folder.resolve("both"));
    Files.writeString(both.resolve("adapter_config.json"), "{\"peft_type\": \"COMPOSITE\"}");
    assertMistake(
        finetune("--method", both, "--dry-run"),
        "is an adapter of several methods; --adapter " + both + " trains it further");
  }

  @Test
  void aModuleIsNamedByTheEndOfItsName() {
    for (String modules : List.of("q_proj", "[q_proj]", ".*\\.q_proj", "all-linear")) {
      assertFine(finetune("--set", "target_modules=" + modules, "--dry-run"));
      assertThat(out()).contains("self_attn.q_proj");
    }
    assertMistake(
        finetune("--set", "target_modules=self_attn", "--dry-run"),
        "self_attn is a group of modules: name its modules, such as self_attn.q_proj");
  }

  @Test
  void parametersThatExamplesChooseAreChosenByThoseOfTheTraining() {
    Path adapter = folder.resolve("fish");
    assertFine(
        finetune(
            "--method", "fish", "--set", "keep_ratio=0.05", "--steps", 1, "--output", adapter));
    assertThat(out()).contains("1 steps", "adapter: " + adapter);
    assertFine(finetune("--method", "child-tuning", "--set", "mode=ChildTuning-D", "--dry-run"));
    assertFine(finetune("--method", "child-tuning", "--dry-run"));
  }

  @Test
  void activationsAreKeptRecomputedOrOnTheHost() {
    assertFine(
        finetune("--activations", "on-host", "--steps", 1, "--output", folder.resolve("on-host")));
    assertMistake(
        finetune("--activations", "recompute", "--dry-run"),
        "'recompute', expected one of [kept, recomputed, on-host]");
  }

  @Test
  void momentsHaveEightBitsOrWaitOnTheHost() {
    Path adapter = folder.resolve("eight-bit");
    assertFine(finetune("--optimizer", "paged-adamw-8bit", "--steps", 1, "--output", adapter));
    assertThat(adapter.resolve("peft4j.json"))
        .content()
        .contains("AdamW with beta1 0.9, beta2 0.999, epsilon 1.0E-8, moments of 8 bits from 4096");
    assertMistake(
        finetune("--optimizer", "adamw8bit", "--dry-run"),
        "'adamw8bit', expected one of [adamw, adamw-8bit, paged-adamw, paged-adamw-8bit]");
  }

  @Test
  void statesAreKeptForMethodsBesideTheModelAlone() {
    assertFine(
        finetune(
            "--method",
            "lst",
            "--keep-states",
            8,
            "--steps",
            1,
            "--output",
            folder.resolve("lst"),
            "--set",
            "reduction_factor=2"));
    assertMistake(
        finetune("--keep-states", 8, "--steps", 1, "--output", folder.resolve("lora")),
        "keepStates");
    assertMistake(
        finetune("--keep-states", 8, "--packing", "--dry-run"),
        "--packing and --keep-states exclude each other");
  }

  @Test
  void helpListsTheOptions() {
    assertFine(run("--help"));
    assertThat(out()).contains("finetune", "evaluate", "generate", "chat", "merge", "Exit codes");
    assertFine(run("finetune", "--help"));
    assertThat(out()).contains("--model", "--dry-run", "preferences");
    assertMistake(run(), "expected one of [finetune, evaluate, generate, chat, merge]");
  }
}
