package io.github.peft4j.train.report;

import io.github.peft4j.chart.Chart;
import io.github.peft4j.chart.ChartSvg;
import io.github.peft4j.chart.Curve;
import io.github.peft4j.chart.Markup;
import io.github.peft4j.chart.Numbers;
import io.github.peft4j.chart.Tone;
import io.github.peft4j.io.AtomicFiles;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Writes a run as one HTML file that needs nothing else: no network, no scripts. It follows the
 * reader's choice of light or dark. It is well-formed XML, too.
 *
 * <p>Long runs stay below a megabyte: curves are thinned, and of warnings, evaluations, samples and
 * long texts a part is shown. The page says what it leaves out.
 */
public final class HtmlReport {

  private static final double CHART_WIDTH = 440;
  private static final double CHART_HEIGHT = 250;
  private static final int MOST_ROWS = 40;
  private static final int MOST_SAMPLES = 20;
  private static final int MOST_CHARACTERS = 1200;
  private static final String CUT = " … (";

  private static final String STYLE =
      """
      *{box-sizing:border-box}
      body{margin:0 auto;max-width:1400px;padding:1rem clamp(.8rem,3vw,2.5rem) 3rem;background:var(--page);\
      color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
      h1{font-size:1.5rem;line-height:1.25;margin:.5rem 0;overflow-wrap:anywhere}
      h2{font-size:1.1rem;margin:2rem 0 .6rem}
      .results{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.6rem;margin:1rem 0}
      .results div{border:1px solid var(--grid);border-radius:8px;padding:.5rem .75rem}
      .results dt{color:var(--muted);font-size:.85rem}
      .results dd{margin:0;font-size:1.15rem;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
      .warnings{border-left:4px solid var(--warning);padding:.2rem 0 .2rem 1rem;margin:1rem 0}
      .warnings h2{margin:.2rem 0;color:var(--warning)}
      .warnings ul{margin:.2rem 0;padding-left:1.1rem}
      .charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,24rem),1fr));gap:1rem}
      figure{margin:0;border:1px solid var(--grid);border-radius:8px;padding:.4rem;min-width:0}
      figcaption{color:var(--muted);font-size:.85rem;padding:0 .5rem .3rem}
      svg{display:block;width:100%;height:auto}
      .scroll{overflow-x:auto}
      table{border-collapse:collapse;font-variant-numeric:tabular-nums}
      caption{text-align:left;color:var(--muted);font-size:.85rem;padding:.2rem 0}
      th,td{text-align:left;vertical-align:top;padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--grid)}
      th{font-weight:600}
      .scroll th:first-child{position:sticky;left:0;background:var(--page)}
      td.n,th.n{text-align:right;white-space:nowrap}
      tr.kept{background:color-mix(in srgb,var(--third) 14%,transparent)}
      .scroll tr.kept th:first-child{background:color-mix(in srgb,var(--third) 14%,var(--page))}
      td.best{font-weight:700;color:var(--third)}
      .facts th{font-weight:400;color:var(--muted);min-width:7rem}
      .facts td,.samples td{white-space:pre-wrap;overflow-wrap:anywhere}
      .facts,.samples{table-layout:auto;width:100%}
      .samples td{min-width:9rem;max-width:40rem}
      .samples td:empty::after{content:"–";color:var(--muted)}
      .samples td[data-name^=predicted]:empty::after{content:"(no text)"}
      .samples td.miss{color:var(--warning)}
      mark{background:color-mix(in srgb,var(--main) 18%,transparent);color:inherit;border-radius:3px;padding:.05em .2em}
      .samples td.miss:has(mark){color:inherit}
      .samples td.miss mark{background:color-mix(in srgb,var(--warning) 20%,transparent)}
      mark small{color:var(--muted);padding-left:.35em;font-size:.75em}
      .samples td.miss:not(:empty)::after{content:" ≠ expected";color:var(--muted);font-size:.8rem}
      .two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:0 2.5rem}
      summary{cursor:pointer;color:var(--muted);margin:.5rem 0}
      .note{color:var(--muted);font-size:.85rem}
      @media(max-width:40rem){.samples tr,.samples td{display:block;max-width:none}.samples thead{display:none}\
      .samples tr{border-bottom:1px solid var(--grid);padding:.4rem 0}.samples td{border:0;padding:.1rem 0}\
      .samples td::before{content:attr(data-name);display:block;color:var(--muted);font-size:.8rem}}
      @media print{figure,.results div{break-inside:avoid}}
      """;

  private final RunSheet sheet;
  private final Markup page = new Markup();

  private HtmlReport(RunSheet sheet) {
    this.sheet = sheet;
  }

  /** Writes the page. The file is replaced in one step. */
  public static void write(RunSheet sheet, Path file) {
    AtomicFiles.writeText(file, html(sheet));
  }

  /** The page as a text. */
  public static String html(RunSheet sheet) {
    return new HtmlReport(sheet).html();
  }

  private String html() {
    page.raw("<!DOCTYPE html>\n");
    page.open("html", "xmlns", "http://www.w3.org/1999/xhtml", "lang", "en");
    page.open("head").empty("meta", "charset", "utf-8");
    page.empty("meta", "name", "viewport", "content", "width=device-width, initial-scale=1");
    page.element("title", cut(sheet.title()));
    page.open("style").raw(Tone.styleSheet() + STYLE).close().close();
    page.open("body").open("main");
    page.element("h1", cut(sheet.title()), "dir", "auto");
    results();
    warnings();
    charts();
    new MetricsTable(sheet).write(page);
    samples();
    data();
    page.open("div", "class", "two");
    facts("Settings", sheet.settings());
    facts("Provenance", sheet.provenance());
    return page.close().close().close().close().toString();
  }

  private void results() {
    page.open("dl", "class", "results");
    sheet
        .results()
        .forEach(
            (name, value) -> {
              page.open("div").element("dt", name);
              page.element("dd", cut(value), "dir", "auto").close();
            });
    page.close();
  }

  private void warnings() {
    if (sheet.warnings().isEmpty()) {
      return;
    }
    page.open("section", "class", "warnings").element("h2", "Warnings").open("ul");
    sheet.warnings().stream()
        .limit(MOST_ROWS)
        .forEach(warning -> page.element("li", cut(warning), "dir", "auto"));
    page.close();
    leftOut(sheet.warnings().size(), MOST_ROWS, "warnings");
    page.close();
  }

  private void charts() {
    if (sheet.curves().steps() == 0) {
      page.element("p", "The run made no step, so there are no charts.", "class", "note");
      return;
    }
    page.open("section").element("h2", "Over the steps").open("div", "class", "charts");
    for (Chart chart : sheet.curves().charts(sheet.kept())) {
      page.open("figure");
      ChartSvg.write(page, chart, description(chart), CHART_WIDTH, CHART_HEIGHT);
      page.element("figcaption", caption(chart), "dir", "auto").close();
    }
    page.close();
    numbers();
    page.close();
  }

  /** The ends of each line, in words. */
  private static String description(Chart chart) {
    StringBuilder words = new StringBuilder();
    for (Chart.Line line : chart.lines()) {
      double[] values = line.curve().values().toArray();
      if (values.length > 0 && line.tone() != Tone.FAINT) {
        words.append(line.name().isEmpty() ? "" : cut(line.name()) + ": ");
        words.append("from ").append(Numbers.significant(values[0]));
        words.append(" to ").append(Numbers.significant(values[values.length - 1])).append(". ");
      }
    }
    return words.isEmpty() ? "No finite value." : words.toString().strip();
  }

  private static String caption(Chart chart) {
    return (description(chart) + " " + chart.note()).strip();
  }

  /** The training loss as a table, for readers who do not see charts. */
  private void numbers() {
    Curve loss = sheet.curves().loss();
    int stride = loss.stride(MOST_ROWS);
    Curve rows = loss.thinned(MOST_ROWS);
    page.open("details").element("summary", "Training loss as a table");
    openTable(page, "Training loss");
    page.element("caption", stride == 1 ? "Each step" : "Means of " + stride + " steps");
    page.open("thead").open("tr");
    page.element("th", stride == 1 ? "step" : "up to step", "class", "n", "scope", "col");
    page.element("th", "loss", "class", "n", "scope", "col").close().close().open("tbody");
    for (int i = 0; i < rows.size(); i++) {
      page.open("tr").element("td", Numbers.grouped(rows.xs().get(i)), "class", "n");
      page.element("td", Numbers.significant(rows.ys().get(i)), "class", "n").close();
    }
    page.close().close().close().close();
  }

  private void samples() {
    if (sheet.samples().isEmpty()) {
      return;
    }
    page.open("section").element("h2", "Sample predictions");
    page.open("table", "class", "samples").open("thead").open("tr");
    for (String column : List.of("input", "expected", "predicted")) {
      page.element("th", column, "scope", "col");
    }
    page.close().close().open("tbody");
    for (Sample sample :
        sheet.samples().subList(0, Math.min(MOST_SAMPLES, sheet.samples().size()))) {
      boolean miss = sample.differs();
      page.open("tr");
      cell("input", sample.input(), "");
      cell("expected", sample.expected(), "");
      cell(miss ? "predicted, differs" : "predicted", sample.predicted(), miss ? "miss" : "");
      page.close();
    }
    page.close().close();
    leftOut(sheet.samples().size(), MOST_SAMPLES, "samples");
    page.close();
  }

  private void cell(String name, MarkedText text, String css) {
    page.open("td", "data-name", name, "class", css, "dir", "auto");
    if (text.text().isBlank()) {
      page.close(); // the style sheet says that there is no text
      return;
    }
    String shown = cut(text.text());
    int whole = shown.equals(text.text()) ? shown.length() : shown.lastIndexOf(CUT);
    int next = 0;
    for (MarkedText.Mark mark : text.marks()) {
      if (mark.end() <= whole) {
        page.text(shown.substring(next, mark.start())).raw("<mark>");
        page.text(shown.substring(mark.start(), mark.end()));
        if (!mark.label().isEmpty()) {
          page.raw("<small>").text(mark.label()).raw("</small>"); // line breaks would be seen
        }
        page.raw("</mark>");
        next = mark.end();
      }
    }
    page.text(shown.substring(next)).close();
  }

  private void data() {
    if (sheet.data().isEmpty()) {
      return;
    }
    Set<String> counts = new LinkedHashSet<>();
    sheet.data().values().forEach(byName -> counts.addAll(byName.keySet()));
    page.open("section").element("h2", "Data");
    openTable(page, "Data");
    page.open("thead").open("tr").element("th", "count", "scope", "col");
    sheet
        .data()
        .keySet()
        .forEach(
            name -> page.element("th", cut(name), "class", "n", "scope", "col", "dir", "auto"));
    page.close().close().open("tbody");
    for (String count : counts) {
      page.open("tr").element("th", cut(count), "scope", "row", "dir", "auto");
      for (Map<String, Long> byName : sheet.data().values()) {
        Long value = byName.get(count);
        page.element("td", value == null ? "–" : Numbers.grouped(value), "class", "n");
      }
      page.close();
    }
    page.close().close().close().close();
  }

  private void facts(String title, Map<String, String> facts) {
    if (facts.isEmpty()) {
      return;
    }
    page.open("section").element("h2", title).open("table", "class", "facts").open("tbody");
    facts.forEach(
        (name, value) -> {
          page.open("tr").element("th", cut(name), "scope", "row", "dir", "auto");
          page.element("td", cut(value), "dir", "auto").close();
        });
    page.close().close().close();
  }

  /** Opens a table in a box that scrolls sideways, by the keyboard too. */
  static void openTable(Markup page, String name) {
    page.open("div", "class", "scroll", "tabindex", "0", "role", "region", "aria-label", name);
    page.open("table");
  }

  private void leftOut(int all, int shown, String what) {
    if (all > shown) {
      page.element(
          "p",
          "The first " + Numbers.grouped(shown) + " of " + Numbers.grouped(all) + " " + what + ".",
          "class",
          "note");
    }
  }

  /** A text, or its beginning and the number of characters that are left out. */
  static String cut(String text) {
    int characters = text.codePointCount(0, text.length());
    if (characters <= MOST_CHARACTERS) {
      return text;
    }
    return text.substring(0, text.offsetByCodePoints(0, MOST_CHARACTERS))
        + CUT
        + Numbers.grouped(characters - MOST_CHARACTERS)
        + " more characters)";
  }
}
