package io.github.peft4j.examples.bench;

import io.github.peft4j.io.AtomicFiles;
import java.io.IOException;
import java.io.Reader;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVPrinter;
import org.apache.commons.csv.CSVRecord;

/** A file with a row for each machine, revision and case. */
public final class CsvFile {

  /** What our side ran on. */
  private static final List<String> OWN =
      List.of("driver", "cpu", "cores", "load", "libtorch", "natives", "jdk");

  /** What the other sides ran on. */
  private static final List<String> THEIRS = List.of("torch", "transformers", "peft");

  private static final List<String> NUMBERS =
      List.of("step_ms", "cpu_ms", "tokens_per_second", "memory_mib");

  private static final List<String> COLUMNS = columns();

  private static final CSVFormat FORMAT =
      CSVFormat.DEFAULT.builder().setHeader().setSkipHeaderRecord(true).get();

  private CsvFile() {}

  private static List<String> columns() {
    List<String> columns = new ArrayList<>(Line.CASE);
    columns.addAll(OWN);
    columns.addAll(THEIRS);
    Results.SIDES.forEach(side -> NUMBERS.forEach(number -> columns.add(side + "_" + number)));
    columns.addAll(List.of("to_eager", "to_compile"));
    return List.copyOf(columns);
  }

  /**
   * Adds results to a file, or creates it. A row of the same machine, revision and case is
   * replaced. Cases that other programs disturbed are left out.
   *
   * @return the number of cases that are left out
   * @throws IllegalArgumentException if the file has other columns
   */
  public static int add(Path file, Results results) {
    Map<List<String>, List<String>> rows = new LinkedHashMap<>();
    if (Files.exists(file)) {
      read(file).forEach(row -> rows.put(key(row), row));
    }
    List<Results.Case> kept = results.cases().stream().filter(each -> !each.isDisturbed()).toList();
    for (Results.Case each : kept) {
      List<String> row = row(each);
      rows.put(key(row), row);
    }
    AtomicFiles.writeText(file, text(rows.values().stream().toList()));
    return results.cases().size() - kept.size();
  }

  private static List<String> key(List<String> row) {
    return row.subList(0, Line.CASE.size());
  }

  private static List<List<String>> read(Path file) {
    try (Reader reader = Files.newBufferedReader(file);
        CSVParser parser = CSVParser.parse(reader, FORMAT)) {
      if (!parser.getHeaderNames().equals(COLUMNS)) {
        throw new IllegalArgumentException(
            "%s has the columns %s, expected %s: take a new file"
                .formatted(file, parser.getHeaderNames(), COLUMNS));
      }
      return parser.stream().map(CSVRecord::toList).toList();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file, e);
    }
  }

  private static List<String> row(Results.Case of) {
    Map<String, String> row = new LinkedHashMap<>(of.measured());
    Line own = of.sides().get("peft4j");
    if (own != null) {
      OWN.forEach(name -> row.put(name, own.text(name)));
    }
    of.sides()
        .forEach(
            (side, line) -> {
              if (!side.equals("peft4j")) {
                THEIRS.forEach(name -> row.put(name, line.text(name)));
              }
              NUMBERS.forEach(name -> row.put(side + "_" + name, line.text(name)));
              row.put(side + "_memory_mib", text(line.memoryMib(), "%.0f"));
            });
    row.put("to_eager", text(of.ratioTo("eager"), "%.3f"));
    row.put("to_compile", text(of.ratioTo("compile"), "%.3f"));
    return COLUMNS.stream().map(name -> row.getOrDefault(name, "")).toList();
  }

  private static String text(OptionalDouble value, String format) {
    return value.isEmpty() ? "" : String.format(Locale.ROOT, format, value.getAsDouble());
  }

  private static String text(List<List<String>> rows) {
    StringWriter text = new StringWriter();
    try (CSVPrinter printer =
        new CSVPrinter(text, CSVFormat.DEFAULT.builder().setRecordSeparator("\n").get())) {
      printer.printRecord(COLUMNS);
      for (List<String> row : rows) {
        printer.printRecord(row);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return text.toString();
  }
}
