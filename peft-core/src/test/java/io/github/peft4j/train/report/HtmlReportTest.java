package io.github.peft4j.train.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.chart.Chart;
import io.github.peft4j.train.evaluation.Metrics;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

class HtmlReportTest {

  private static final String EVIL = "</td><script>alert('x')</script>\"&'\0 \u202Eשלום 😀";

  @TempDir Path folder;

  private static RunSheet sheet(RunCurves curves, List<Sample> samples) {
    return new RunSheet(
        "lora on a model",
        Map.of("validation accuracy", "0.9"),
        List.of(),
        curves,
        Set.of("loss"),
        0,
        Map.of("training", Map.of("examples", 1234L)),
        samples,
        Map.of("batch_size", "8"),
        Map.of("seed", "42"));
  }

  private static RunCurves curves(int steps) {
    Random random = new Random(1);
    RunCurves curves = new RunCurves();
    for (int i = 1; i <= steps; i++) {
      double loss = 0.3 + 2 * Math.exp(-4.0 * i / steps) + 0.2 * random.nextGaussian();
      double rate = 2e-4 * (1 - (double) i / steps);
      double norm = Math.exp(0.5 * random.nextGaussian());
      curves.add(i, loss, rate, norm, 9000 + 500 * random.nextGaussian(), Map.of("margin", i));
    }
    return curves;
  }

  private static Metrics metrics(double loss, double accuracy) {
    Map<String, Double> values = new LinkedHashMap<>();
    values.put(Metrics.LOSS, loss);
    values.put(Metrics.ACCURACY, accuracy);
    return new Metrics(values);
  }

  private static Document parse(String html) throws Exception {
    DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
    // newer JDKs count the page as an entity, and allow 100,000 characters
    for (String limit : List.of("maxGeneralEntitySizeLimit", "totalEntitySizeLimit")) {
      factory.setAttribute("http://www.oracle.com/xml/jaxp/properties/" + limit, "2000000");
    }
    return factory.newDocumentBuilder().parse(new InputSource(new StringReader(html)));
  }

  private static List<Element> all(Document page, String name) {
    NodeList found = page.getElementsByTagName(name);
    return IntStream.range(0, found.getLength()).mapToObj(i -> (Element) found.item(i)).toList();
  }

  private static List<String> texts(Document page, String name) {
    return all(page, name).stream().map(Element::getTextContent).toList();
  }

  @Test
  void aRunHasAChartOfEachQuantityAndATableOfEvaluations() throws Exception {
    RunCurves curves = curves(300);
    curves.add("dev", 100, metrics(0.8, 0.7));
    curves.add("dev", 200, metrics(0.5, 0.9));
    curves.add("dev", 300, metrics(0.6, 0.8));
    curves.add("other language", 300, metrics(0.9, 0.6));
    Document page = parse(HtmlReport.html(sheet(curves, List.of(new Sample("a", "b", "c")))));

    assertThat(all(page, "svg"))
        .extracting(svg -> svg.getAttribute("aria-label").replaceAll("[.] .*", ""))
        .containsExactly(
            "Loss",
            "Accuracy",
            "Margin",
            "Learning rate",
            "Gradient norm before clipping",
            "Tokens a second");
    assertThat(texts(page, "figcaption").get(0))
        .contains("training: from ", "dev: from 0.8000 to 0.6000", "memory 0.87");
    assertThat(texts(page, "text")).contains("training", "dev", "other language");
    assertThat(texts(page, "th"))
        .contains("dev loss", "dev accuracy", "other language loss", "other language accuracy");
    assertThat(texts(page, "td")).contains("0.5000 ★", "0.9000 ★", "1,234").contains("–");
    assertThat(texts(page, "h2"))
        .containsExactly(
            "Over the steps",
            "Evaluations",
            "Sample predictions",
            "Data",
            "Settings",
            "Provenance");
  }

  @Test
  void thePageNeedsNothingElse() {
    String html = HtmlReport.html(sheet(curves(10), List.of()));
    assertThat(
            html.replace("http://www.w3.org/1999/xhtml", "")
                .replace("http://www.w3.org/2000/svg", ""))
        .doesNotContain("http", "<script", "src=", "@import", "url(");
    assertThat(html).contains("prefers-color-scheme:dark", "width=device-width");
  }

  @Test
  void textsNeverBecomeMarkup() throws Exception {
    RunCurves curves = curves(3);
    curves.add(EVIL, 3, new Metrics(Map.of(EVIL, 0.5, "other", 0.1)));
    Map<String, String> evil = Map.of(EVIL, EVIL);
    String html =
        HtmlReport.html(
            new RunSheet(
                EVIL,
                evil,
                List.of(EVIL),
                curves,
                Set.of(),
                0,
                Map.of(EVIL, Map.of(EVIL, 1L)),
                List.of(new Sample(EVIL, EVIL, EVIL)),
                evil,
                evil));
    Document page = parse(html);
    assertThat(all(page, "script")).isEmpty();
    assertThat(texts(page, "h1")).containsExactly(EVIL.replace('\0', '␀'));
    assertThat(all(page, "h1").get(0).getAttribute("dir")).isEqualTo("auto");
  }

  @Test
  void marksAreWhereTheyBelong() throws Exception {
    MarkedText marked =
        new MarkedText(
            EVIL + " end",
            List.of(
                new MarkedText.Mark(0, EVIL.length(), EVIL),
                new MarkedText.Mark(EVIL.length() + 1, EVIL.length() + 4, "")));
    String html =
        HtmlReport.html(
            sheet(curves(2), List.of(new Sample(marked, marked, MarkedText.of("c"), true))));
    Document page = parse(html);
    String evil = EVIL.replace('\0', '␀');
    assertThat(all(page, "script")).isEmpty();
    assertThat(texts(page, "mark")).containsExactly(evil + evil, "end", evil + evil, "end");
    assertThat(texts(page, "td")).contains(evil + evil + " end");
    assertThat(html).contains("class=\"miss\"");
    assertThatThrownBy(() -> new MarkedText("ab", List.of(new MarkedText.Mark(1, 3, ""))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no part of the 2 characters");
  }

  @Test
  void aMarkInWhatIsCutIsNotShown() throws Exception {
    MarkedText marked =
        new MarkedText(
            "a ".repeat(1000),
            List.of(new MarkedText.Mark(0, 1, "X"), new MarkedText.Mark(1500, 1501, "Y")));
    Document page =
        parse(
            HtmlReport.html(
                sheet(curves(2), List.of(new Sample(marked, MarkedText.of(""), marked, false)))));
    assertThat(texts(page, "mark")).containsExactly("aX", "aX");
  }

  @Test
  void longTextsAreCutAndSaySo() throws Exception {
    String word = "😀".repeat(10_000);
    String html = HtmlReport.html(sheet(curves(2), List.of(new Sample(word, word, word))));
    assertThat(texts(parse(html), "td")).contains("😀".repeat(1200) + " … (8,800 more characters)");
  }

  @Test
  void aLongRunStaysBelowAMegabyte() throws Exception {
    RunCurves curves = curves(100_000);
    for (int i = 1; i <= 10_000; i++) {
      curves.add("dev", i * 10L, metrics(1 + Math.cos(i / 3000.0), 0.5 + i / 30_000.0));
    }
    String word = "&".repeat(10_000);
    List<Sample> samples = Collections.nCopies(500, new Sample(word, word, word));
    RunSheet sheet =
        sheet(curves, samples)
            .warnings(Collections.nCopies(3000, word.substring(0, 1000)))
            .kept(94_250);
    Path file = folder.resolve("runs/report.html");
    HtmlReport.write(sheet, file);

    assertThat(Files.size(file)).isLessThan(1_000_000);
    Document page = parse(Files.readString(file, StandardCharsets.UTF_8));
    assertThat(texts(page, "p"))
        .contains("The first 20 of 500 samples.", "The first 40 of 3,000 warnings.")
        .anyMatch(p -> p.matches("4\\d of 10,000 evaluations: .*"));
    assertThat(texts(page, "figcaption").get(0)).contains("A point is the mean of 250 steps.");
    assertThat(all(page, "tr")).extracting(row -> row.getAttribute("class")).contains("kept");
    try (Stream<Path> files = Files.list(folder.resolve("runs"))) {
      assertThat(files).containsExactly(file);
    }
  }

  @Test
  void runsOfEveryKindHaveAPage() throws Exception {
    double nan = Double.NaN;
    RunCurves none = new RunCurves();
    none.add(1, nan, nan, nan, nan, Map.of());
    RunCurves resumed = new RunCurves(); // its first step is of a version that kept losses alone
    resumed.add(1, 1.0, nan, nan, nan, Map.of());
    resumed.add(2, nan, 1e-4, nan, 10, Map.of());
    resumed.add(3, 0.8, 1e-4, 2, 11, Map.of("margin", 1));
    for (RunCurves curves : List.of(new RunCurves(), curves(1), none, resumed)) {
      Document page = parse(HtmlReport.html(sheet(curves, List.of())));
      assertThat(texts(page, "h2")).doesNotContain("Evaluations", "Sample predictions", "Warnings");
    }
    assertThat(texts(parse(HtmlReport.html(sheet(resumed, List.of()))), "text"))
        .contains("not finite");
  }

  @Test
  void aNormThatExplodesIsOnALogarithmicAxisThatSaysSo() {
    RunCurves curves = new RunCurves();
    for (int i = 1; i < 50; i++) {
      curves.add(i, 1, 1, i < 49 ? 1 : 5e6, 1, Map.of());
    }
    assertThat(curves.charts(0))
        .extracting(Chart::title)
        .contains("Gradient norm before clipping, log scale");
  }
}
