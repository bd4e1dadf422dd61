package io.github.peft4j.examples.bench;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Results as a table in Markdown: a row for each case and side, and how many times as many tokens a
 * second peft4j has.
 */
public final class MarkdownTable {

  private static final List<String> HEADER =
      List.of("case", "", "ms a step", "tokens/s", "MiB", "peft4j is");

  private MarkdownTable() {}

  /** The table of each machine and revision, under a line that names them. */
  public static String of(Results results) {
    Map<String, List<Results.Case>> byMachine =
        results.cases().stream()
            .collect(
                Collectors.groupingBy(
                    MarkdownTable::heading, LinkedHashMap::new, Collectors.toList()));
    return byMachine.entrySet().stream()
        .map(entry -> entry.getKey() + "\n\n" + table(entry.getValue()))
        .collect(Collectors.joining("\n"));
  }

  private static String heading(Results.Case of) {
    String revision = of.measured().getOrDefault("revision", "");
    return "**"
        + of.measured().get("machine")
        + "**"
        + (revision.isEmpty() ? "" : ", revision " + revision);
  }

  private static String table(List<Results.Case> cases) {
    List<List<String>> rows = new ArrayList<>();
    rows.add(HEADER);
    rows.add(
        Stream.concat(
                Stream.of("---", "---"), Collections.nCopies(HEADER.size() - 2, "---:").stream())
            .toList());
    cases.forEach(each -> addRows(each, rows));
    return rows.stream()
        .map(row -> "| " + String.join(" | ", row) + " |\n")
        .collect(Collectors.joining());
  }

  private static void addRows(Results.Case of, List<List<String>> rows) {
    String name = name(of.measured()) + (of.isDisturbed() ? " (busy machine)" : "");
    for (String side : Results.SIDES) {
      Line line = of.sides().get(side);
      if (line != null) {
        rows.add(
            List.of(
                name,
                side,
                number("%,.1f", line.number("step_ms")),
                number("%,.0f", line.number("tokens_per_second")),
                number("%,.0f", line.memoryMib()),
                side.equals("peft4j") ? "" : number("%.2f times", of.ratioTo(side))));
        name = "";
      }
    }
  }

  /** Such as {@code 1b, lora, train, 4 × 2048, bfloat16}. */
  private static String name(Map<String, String> of) {
    Function<String, String> field = name -> of.getOrDefault(name, "");
    String rows = field.apply("rows");
    String tokens = field.apply("new_tokens");
    return Stream.of(
            field.apply("shape"),
            field.apply("method"),
            field.apply("case"),
            field.apply("batch") + " × " + field.apply("length"),
            tokens.equals("0") ? "" : tokens + " new",
            rows.equals("even") ? "" : rows,
            field.apply("precision"))
        .filter(part -> !part.isEmpty())
        .collect(Collectors.joining(", "));
  }

  private static String number(String format, OptionalDouble value) {
    return value.isEmpty() ? "" : String.format(Locale.ROOT, format, value.getAsDouble());
  }
}
