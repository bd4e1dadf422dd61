package io.github.peft4j.cli;

import io.github.peft4j.PeftModel;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.batch.EncodedExample.Alignment;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.train.TrainingPreview;
import io.github.peft4j.transformer.config.Task;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Shows what a training would see. Tokens are separated by blanks; a blank within a token is {@code
 * ␣}, a line break {@code ⏎}. Lines beginning with {@code read} have no labels, the tokens of those
 * with {@code learn} have.
 */
final class DryRun {

  private static final String BLANK_OF_SENTENCEPIECE = "\u2581";

  /** In place of bytes that are a part of a character. */
  private static final char NO_CHARACTER = '\uFFFD';

  private final Tokenizer tokenizer;

  /**
   * Whether a token that is decoded alone loses its blank. It is decoded after another one then.
   */
  private final boolean losesBlanks;

  private final long anchor;
  private final Task task;
  private final PeftModel model;
  private final PrintWriter out;

  DryRun(PeftModel model, PrintWriter out) {
    this.model = model;
    this.tokenizer = model.tokenizer();
    this.losesBlanks =
        !tokenizer.marksContinuations()
            && new String(tokenizer.json(), StandardCharsets.UTF_8)
                .contains(BLANK_OF_SENTENCEPIECE);
    long[] letter = tokenizer.encode("a", false);
    this.anchor = letter[letter.length - 1];
    this.task = model.base().task();
    this.out = out;
  }

  void print(TrainingPreview preview, Map<String, @Nullable Object> settings) {
    out.println("data: " + preview.data());
    said("training examples", preview.truncated().isNone(), preview.truncated());
    said(
        "validation examples",
        preview.validationTruncated().isNone(),
        preview.validationTruncated());
    out.printf("run: %,d steps, %,d epochs%n", preview.steps(), preview.epochs());
    out.println("parameters: " + model.trainableParameters());
    for (int i = 0; i < preview.rows().size(); i++) {
      row(i + 1, preview.rows().get(i));
    }
    out.println();
    out.println("# The same settings, for --settings FILE. All that count in the run:");
    preview.settings().forEach((name, value) -> out.println("#   " + name + ": " + value));
    out.print(SettingsFile.text(settings));
    out.flush();
  }

  private void said(String data, boolean nothing, Object truncated) {
    if (!nothing) {
      out.println(data + ": " + truncated);
    }
  }

  private void row(int number, List<EncodedExample> examples) {
    out.println();
    out.printf(
        "row %d: %s%,d tokens%n",
        number,
        examples.size() > 1 ? examples.size() + " examples, " : "",
        examples.stream().mapToInt(EncodedExample::length).sum());
    for (EncodedExample example : examples) {
      List<EncodedExample> others = example.others();
      text(others.isEmpty() ? "" : "text 1" + (labelled(example) ? ", chosen" : ""), example);
      for (int i = 0; i < others.size(); i++) {
        text("text %d%s".formatted(i + 2, labelled(example) ? ", rejected" : ""), others.get(i));
      }
      if (examples.size() > 1) {
        out.println("  --");
      }
    }
  }

  private static boolean labelled(EncodedExample example) {
    return example.alignment() != Alignment.NONE;
  }

  private void text(String name, EncodedExample example) {
    if (!name.isEmpty()) {
      out.println("  " + name);
    }
    long[] ids = example.inputIds();
    long[] labels = example.labels();
    switch (example.alignment()) {
      case TOKEN -> tokens(example);
      case TEXT -> {
        line("read", all(ids));
        line("learn", List.of("label " + task.labels().get((int) labels[0])));
      }
      case VALUES -> {
        line("read", all(ids));
        line("learn", values(example.values()));
      }
      case SPAN -> {
        line("read", all(ids));
        line("learn", all(Arrays.copyOfRange(ids, (int) labels[0], (int) labels[1] + 1)));
      }
      case TARGET -> {
        line("read", all(ids));
        line("learn", all(labels));
      }
      case NONE -> {
        line("read", all(ids));
        if (example.values().length > 0) {
          line("learn", List.of("similarity " + example.values()[0]));
        }
      }
    }
  }

  private List<String> values(double... values) {
    List<String> said = new ArrayList<>();
    for (int i = 0; i < values.length; i++) {
      if (task.problem() == Task.Problem.REGRESSION) {
        said.add("number " + values[i]);
      } else if (values[i] > 0) {
        said.add("label " + task.labels().get(i));
      }
    }
    return said.isEmpty() ? List.of("none of the labels") : said;
  }

  /** Runs of tokens with and without labels. No token predicts the first of a decoder's text. */
  private void tokens(EncodedExample example) {
    List<String> run = new ArrayList<>();
    boolean learning = false;
    for (int i = 0; i < example.length(); i++) {
      long label = example.labels()[i];
      boolean learnt =
          label != EncodedExample.IGNORED && !(i == 0 && task.type() == Task.Type.CAUSAL_LM);
      if (learnt != learning && !run.isEmpty()) {
        line(learning ? "learn" : "read", run);
        run = new ArrayList<>();
      }
      learning = learnt;
      String token = token(example.inputIds()[i]);
      run.add(
          !learnt || (label == example.inputIds()[i] && !task.type().hasLabels())
              ? token
              : token
                  + "→"
                  + (task.type().hasLabels() ? task.labels().get((int) label) : token(label)));
    }
    line(learning ? "learn" : "read", run);
  }

  private void line(String what, List<String> tokens) {
    out.printf("  %-6s%s%n", what, String.join(" ", tokens));
  }

  private List<String> all(long... ids) {
    return Arrays.stream(ids).mapToObj(this::token).toList();
  }

  private String token(long id) {
    String text = tokenizer.decode(new long[] {id}, false);
    if (losesBlanks) {
      String before = tokenizer.decode(new long[] {anchor}, false);
      String both = tokenizer.decode(new long[] {anchor, id}, false);
      text = both.startsWith(before) ? both.substring(before.length()) : text;
    }
    boolean whole = !text.isEmpty() && text.indexOf(NO_CHARACTER) < 0;
    return whole ? text.replace(' ', '␣').replace("\n", "⏎") : "#" + id;
  }
}
