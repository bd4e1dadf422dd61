package io.github.peft4j.examples.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * The lines of a run, by case.
 *
 * @param cases in the order in which they were measured
 */
public record Results(List<Case> cases) {

  /** The sides, ours first. */
  static final List<String> SIDES = List.of("peft4j", "eager", "compile");

  /**
   * A case on each side.
   *
   * @param measured what, by the names of {@link Line#CASE}
   * @param sides the line of each side that measured it
   */
  record Case(Map<String, String> measured, Map<String, Line> sides) {

    /** How many times as many tokens a second peft4j has; empty if a side is missing. */
    OptionalDouble ratioTo(String side) {
      Line own = sides.get("peft4j");
      Line other = sides.get(side);
      return own == null || other == null
          ? OptionalDouble.empty()
          : OptionalDouble.of(own.tokensPerSecond() / other.tokensPerSecond());
    }

    /** Whether other programs kept the machine busy on a side, so that its times say little. */
    boolean isDisturbed() {
      return sides.values().stream().anyMatch(Line::isDisturbed);
    }
  }

  /**
   * Reads a file of lines. A line that is no JSON object is passed over, since programs print other
   * things, too.
   *
   * @throws IllegalArgumentException if a line lacks a field, or if there is none
   */
  public static Results read(Path file) {
    try {
      return of(Files.readAllLines(file));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file, e);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(file + ": " + e.getMessage(), e);
    }
  }

  /** The lines by case. Of several lines of a side for a case, the median counts. */
  static Results of(List<String> lines) {
    Map<Map<String, String>, Map<String, List<Line>>> all = new LinkedHashMap<>();
    lines.stream()
        .filter(line -> line.startsWith("{"))
        .map(Line::parse)
        .forEach(
            line ->
                all.computeIfAbsent(line.measured(), unseen -> new LinkedHashMap<>())
                    .computeIfAbsent(line.side(), unseen -> new ArrayList<>())
                    .add(line));
    if (all.isEmpty()) {
      throw new IllegalArgumentException("no line of JSON, as Bench prints them");
    }
    List<Case> cases = new ArrayList<>();
    all.forEach((measured, sides) -> cases.add(new Case(measured, medians(sides))));
    return new Results(List.copyOf(cases));
  }

  private static Map<String, Line> medians(Map<String, List<Line>> sides) {
    Map<String, Line> medians = new LinkedHashMap<>();
    sides.forEach(
        (side, lines) ->
            medians.put(
                side,
                lines.stream()
                    .sorted(Comparator.comparingDouble(Line::tokensPerSecond))
                    .toList()
                    .get(lines.size() / 2)));
    return medians;
  }
}
