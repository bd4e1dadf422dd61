package io.github.peft4j.train.report;

import io.github.peft4j.chart.Markup;
import io.github.peft4j.chart.Numbers;
import io.github.peft4j.train.evaluation.Metrics;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** The evaluations of a run as a table. The best value of each column is marked once. */
final class MetricsTable {

  private static final int MOST_ROWS = 40;

  private final Map<String, NavigableMap<Long, Metrics>> evaluations;
  private final long kept;
  private final List<Column> columns = new ArrayList<>();

  /** A column: a metric on a data set, and the step where its best value came first, or -1. */
  private record Column(String data, String metric, long best, Map<Long, Metrics> byStep) {}

  MetricsTable(RunSheet sheet) {
    this.evaluations = sheet.curves().evaluations();
    this.kept = sheet.kept();
    evaluations.forEach(
        (data, byStep) -> {
          Set<String> names =
              byStep.values().stream()
                  .flatMap(metrics -> metrics.values().keySet().stream())
                  .collect(Collectors.toCollection(LinkedHashSet::new));
          names.forEach(
              name ->
                  columns.add(
                      new Column(
                          data,
                          name,
                          best(byStep, name, sheet.lowerIsBetter().contains(name)),
                          byStep)));
        });
  }

  private static long best(NavigableMap<Long, Metrics> byStep, String name, boolean lowerIsBetter) {
    long best = -1;
    double record = Double.NEGATIVE_INFINITY;
    for (Map.Entry<Long, Metrics> each : byStep.entrySet()) {
      Double value = each.getValue().values().get(name);
      if (value != null && Double.isFinite(value)) {
        double gain = lowerIsBetter ? -value : value;
        best = gain > record ? each.getKey() : best;
        record = Math.max(record, gain);
      }
    }
    return best;
  }

  void write(Markup page) {
    if (columns.isEmpty()) {
      return;
    }
    NavigableMap<Long, Boolean> steps = steps();
    page.open("section").element("h2", "Evaluations");
    page.element(
        "p",
        "Bold and ★: the best value of a column, where it came first. Shaded: the step that was"
            + " kept.",
        "class",
        "note");
    HtmlReport.openTable(page, "Evaluations");
    page.open("thead").open("tr").element("th", "step", "class", "n", "scope", "col");
    for (Column column : columns) {
      String name =
          evaluations.size() == 1 ? column.metric() : column.data() + " " + column.metric();
      page.element("th", HtmlReport.cut(name), "class", "n", "scope", "col", "dir", "auto");
    }
    page.close().close().open("tbody");
    steps.forEach(
        (step, isKept) -> {
          page.open("tr", "class", isKept ? "kept" : "");
          page.element("th", Numbers.grouped(step), "class", "n", "scope", "row");
          columns.forEach(column -> cell(page, step, column));
          page.close();
        });
    page.close().close().close();
    int all = allSteps().size();
    if (steps.size() < all) {
      page.element(
          "p",
          "%s of %s evaluations: the first, the last, the kept and the best ones, and some between."
              .formatted(Numbers.grouped(steps.size()), Numbers.grouped(all)),
          "class",
          "note");
    }
    page.close();
  }

  private void cell(Markup page, long step, Column column) {
    Metrics metrics = column.byStep().get(step);
    Double value = metrics == null ? null : metrics.values().get(column.metric());
    boolean best = step == column.best();
    page.element(
        "td",
        value == null ? "–" : Numbers.significant(value) + (best ? " ★" : ""),
        "class",
        best ? "n best" : "n");
  }

  private List<Long> allSteps() {
    return evaluations.values().stream()
        .flatMap(byStep -> byStep.keySet().stream())
        .distinct()
        .sorted()
        .toList();
  }

  /** The steps to show, and whether each is the kept one. */
  private NavigableMap<Long, Boolean> steps() {
    List<Long> all = allSteps();
    NavigableMap<Long, Boolean> shown = new TreeMap<>();
    int stride = (all.size() + MOST_ROWS - 1) / MOST_ROWS;
    for (int i = 0; i < all.size(); i++) {
      long step = all.get(i);
      if (i % stride == 0 || i == all.size() - 1 || step == kept || isBest(step)) {
        shown.put(step, step == kept);
      }
    }
    return shown;
  }

  /** Whether a column has its best value here. */
  private boolean isBest(long step) {
    return columns.stream().anyMatch(column -> column.best() == step);
  }
}
