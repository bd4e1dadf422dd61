package io.github.peft4j.train.report;

import io.github.peft4j.withers.Withers;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The content of an {@link HtmlReport}. Texts may come from data: the page shows them as they are,
 * and none of them becomes markup. Maps keep their order.
 *
 * @param title the heading
 * @param results what came out, at a glance
 * @param warnings what the reader should not miss, one sentence each
 * @param curves values over the steps
 * @param lowerIsBetter the names of the metrics of which a smaller value is better
 * @param kept the step whose tensors the adapter has
 * @param data counts by name, such as examples and tokens, for each data set by its name
 * @param samples predictions to look at
 * @param settings the settings of the run
 * @param provenance where model and data come from, and what computed
 */
@Withers
public record RunSheet(
    String title,
    Map<String, String> results,
    List<String> warnings,
    RunCurves curves,
    Set<String> lowerIsBetter,
    long kept,
    Map<String, Map<String, Long>> data,
    List<Sample> samples,
    Map<String, String> settings,
    Map<String, String> provenance)
    implements RunSheetWithers {

  /** Copies lists and maps. */
  public RunSheet {
    results = copy(results);
    warnings = List.copyOf(warnings);
    lowerIsBetter = Set.copyOf(lowerIsBetter);
    data = copy(data);
    samples = List.copyOf(samples);
    settings = copy(settings);
    provenance = copy(provenance);
  }

  private static <V> Map<String, V> copy(Map<String, V> map) {
    return Collections.unmodifiableMap(new LinkedHashMap<>(map));
  }
}
