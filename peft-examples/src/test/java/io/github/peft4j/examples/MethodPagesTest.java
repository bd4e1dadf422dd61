package io.github.peft4j.examples;

import static java.util.Objects.requireNonNull;
import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.method.PeftMethod;
import io.github.peft4j.methods.adalora.AdaLoraConfig;
import io.github.peft4j.methods.adamix.AdaMixConfig;
import io.github.peft4j.methods.adamix.lora.AdaMixLoraConfig;
import io.github.peft4j.methods.adaptionprompt.AdaptionPromptConfig;
import io.github.peft4j.methods.attentionfusion.AttentionFusionConfig;
import io.github.peft4j.methods.bitfit.BitFitConfig;
import io.github.peft4j.methods.boft.BoftConfig;
import io.github.peft4j.methods.bottleneck.BottleneckConfig;
import io.github.peft4j.methods.c3a.C3aConfig;
import io.github.peft4j.methods.childtuning.ChildTuningConfig;
import io.github.peft4j.methods.cpt.CptConfig;
import io.github.peft4j.methods.delora.DeloraConfig;
import io.github.peft4j.methods.diffpruning.DiffPruningConfig;
import io.github.peft4j.methods.dylora.DyLoraConfig;
import io.github.peft4j.methods.fish.FishConfig;
import io.github.peft4j.methods.fourierft.FourierFtConfig;
import io.github.peft4j.methods.full.FullConfig;
import io.github.peft4j.methods.gatedlora.GatedLoraConfig;
import io.github.peft4j.methods.gralora.GraloraConfig;
import io.github.peft4j.methods.hira.HiraConfig;
import io.github.peft4j.methods.hra.HraConfig;
import io.github.peft4j.methods.hybrid.LayerGroups;
import io.github.peft4j.methods.hybrid.Mam;
import io.github.peft4j.methods.hybrid.UniPelt;
import io.github.peft4j.methods.ia3.Ia3Config;
import io.github.peft4j.methods.ipt.IptConfig;
import io.github.peft4j.methods.krona.KronaConfig;
import io.github.peft4j.methods.lily.LilyConfig;
import io.github.peft4j.methods.lntuning.LnTuningConfig;
import io.github.peft4j.methods.loha.LohaConfig;
import io.github.peft4j.methods.lokr.LokrConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lst.LstConfig;
import io.github.peft4j.methods.ltsft.LtSftConfig;
import io.github.peft4j.methods.miss.MissConfig;
import io.github.peft4j.methods.oft.OftConfig;
import io.github.peft4j.methods.pasta.PastaConfig;
import io.github.peft4j.methods.poly.PolyConfig;
import io.github.peft4j.methods.prefixtuning.PrefixTuningConfig;
import io.github.peft4j.methods.prelayer.PreLayerConfig;
import io.github.peft4j.methods.prompttuning.PromptTuningConfig;
import io.github.peft4j.methods.pruning.PruningConfig;
import io.github.peft4j.methods.ptuning.PTuningConfig;
import io.github.peft4j.methods.randlora.RandLoraConfig;
import io.github.peft4j.methods.reft.ReftConfig;
import io.github.peft4j.methods.road.RoadConfig;
import io.github.peft4j.methods.said.SaidConfig;
import io.github.peft4j.methods.selective.SelectiveConfig;
import io.github.peft4j.methods.shira.ShiraConfig;
import io.github.peft4j.methods.sora.SoraConfig;
import io.github.peft4j.methods.spiel.SpielConfig;
import io.github.peft4j.methods.tokens.TrainableTokensConfig;
import io.github.peft4j.methods.vblora.VbLoraConfig;
import io.github.peft4j.methods.vera.VeraConfig;
import io.github.peft4j.methods.waveft.WaveFtConfig;
import io.github.peft4j.pretrained.MiniLm;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** What docs/methods says of defaults, fields, numbers of parameters and merging is so. */
class MethodPagesTest {

  private static final Path PAGES = Path.of("..", "docs", "methods");
  private static final Path OVERVIEW = PAGES.resolve("README.md");

  /** A row of a table of settings: a field and its default. */
  private static final Pattern SETTING = Pattern.compile("(?m)^\\| `(\\w+)` \\| `([^`]*)` \\|");

  /** Methods as the rows of the overview have them. */
  private static final Map<String, PeftConfig> ROWS = new LinkedHashMap<>();

  static {
    ROWS.put("LoRA", LoraConfig.ofRank(8));
    ROWS.put("LoRA, all linear", LoraConfig.ofRank(8).targetModules("all-linear"));
    ROWS.put("DoRA", LoraConfig.ofRank(8).useDora(true));
    ROWS.put("AdaLoRA", AdaLoraConfig.ofRanks(12, 8));
    ROWS.put("(IA)³", Ia3Config.defaults());
    ROWS.put("prefix tuning", PrefixTuningConfig.ofVirtualTokens(20));
    ROWS.put("P-tuning v2", PrefixTuningConfig.ofVirtualTokens(20));
    ROWS.put("prompt tuning", PromptTuningConfig.ofVirtualTokens(20));
    List<Integer> twenty = Collections.nCopies(20, 7);
    ROWS.put("CPT", CptConfig.of(twenty, twenty));
    ROWS.put("P-tuning", PTuningConfig.ofVirtualTokens(20));
    ROWS.put("IPT", IptConfig.ofVirtualTokens(20));
    ROWS.put("LLaMA-Adapter", AdaptionPromptConfig.of(10, 6));
    ROWS.put("Pfeiffer", BottleneckConfig.pfeiffer());
    ROWS.put("Houlsby", BottleneckConfig.houlsby());
    ROWS.put("parallel", BottleneckConfig.parallel());
    ROWS.put("scaled parallel", BottleneckConfig.scaledParallel());
    ROWS.put("Compacter", BottleneckConfig.compacter());
    ROWS.put("LoReFT", ReftConfig.loReft().r(4));
    ROWS.put("DiReFT", ReftConfig.diReft().r(4));
    ROWS.put("gated LoRA", GatedLoraConfig.ofRank(8));
    ROWS.put("MAM", Mam.config());
    ROWS.put("UniPELT", UniPelt.config());
    ROWS.put("S4", LayerGroups.s4(6, 384, 30 * 384));
    ROWS.put("BitFit", BitFitConfig.defaults());
    ROWS.put("full fine-tuning", FullConfig.defaults());
    ROWS.put("head only", FullConfig.defaults().targetModules("pooler.dense", "classifier"));
    ROWS.put("two top layers", SelectiveConfig.topTwo());
    ROWS.put("FISH mask", FishConfig.defaults().random());
    ROWS.put("Child-Tuning-F", ChildTuningConfig.free());
    ROWS.put("Child-Tuning-D", ChildTuningConfig.driven().random());
    ROWS.put("diff pruning", DiffPruningConfig.defaults());
    ROWS.put("movement pruning", PruningConfig.movement(0.15));
    ROWS.put("LT-SFT", LtSftConfig.defaults());
    ROWS.put("SpIEL", SpielConfig.ag());
    ROWS.put("VeRA", VeraConfig.ofRank(256));
    ROWS.put("LoHa", LohaConfig.ofRank(8));
    ROWS.put("LoKr", LokrConfig.ofRank(8));
    ROWS.put("OFT", OftConfig.ofBlockSize(32));
    ROWS.put("BOFT", BoftConfig.ofBlockSize(4));
    ROWS.put("HRA", HraConfig.ofRank(8));
    ROWS.put("MiSS", MissConfig.ofRank(64));
    ROWS.put("FourierFT", FourierFtConfig.ofFrequencies(1000));
    ROWS.put("WaveFT", WaveFtConfig.ofFrequencies(2592));
    ROWS.put("C³A", C3aConfig.ofBlockSize(128));
    ROWS.put("DeLoRA", DeloraConfig.ofRank(8));
    ROWS.put("GraLoRA", GraloraConfig.ofRank(32));
    ROWS.put("AdaMix", AdaMixConfig.defaults());
    ROWS.put("AdaMix on LoRA", AdaMixLoraConfig.defaults());
    ROWS.put("SoRA", SoraConfig.defaults());
    ROWS.put("DyLoRA", DyLoraConfig.defaults());
    ROWS.put("attention fusion", AttentionFusionConfig.defaults());
    ROWS.put("LST", LstConfig.defaults());
    ROWS.put("PreLayer", PreLayerConfig.ofVirtualTokens(20));
    ROWS.put("PASTA", PastaConfig.defaults());
    ROWS.put("KronA", KronaConfig.ofFactor(32, 32));
    ROWS.put("SAID", SaidConfig.ofDimension(1000));
    ROWS.put("HiRA", HiraConfig.defaults());
    ROWS.put("RoAd", RoadConfig.defaults());
    ROWS.put("Lily", LilyConfig.defaults());
    ROWS.put("Poly", PolyConfig.defaults());
    ROWS.put("RandLoRA", RandLoraConfig.defaults());
    ROWS.put("VB-LoRA", VbLoraConfig.defaults().vectorLength(128));
    ROWS.put("LN tuning", LnTuningConfig.defaults());
    ROWS.put("SHiRA", ShiraConfig.ofRank(32));
    ROWS.put("trainable tokens", TrainableTokensConfig.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  }

  @TestFactory
  Stream<DynamicTest> everyMethodHasAPageThatNamesEachFieldAndItsDefault() {
    return methods().stream()
        .map(
            method ->
                dynamicTest(
                    method.type(),
                    () -> {
                      String pages = pagesOf(method);
                      assertThat(pages)
                          .as("pages with `%s` under File", method.type())
                          .isNotEmpty();
                      JsonObject defaults = defaults(method);
                      assertThat(said(pages)).allSatisfy((k, v) -> check(defaults, k, v));
                      String all = pages + read(OVERVIEW);
                      assertThat(defaults.keySet())
                          .allMatch(field -> all.contains("`" + field + "`"));
                    }));
  }

  private static void check(JsonObject defaults, String field, String said) {
    JsonElement usual = defaults.get(field);
    assertThat(usual).as("field %s", field).isNotNull();
    assertThat(said).as("default of %s", field).isEqualTo(usual.toString());
  }

  private static Map<String, String> said(String pages) {
    Map<String, String> said = new LinkedHashMap<>();
    SETTING.matcher(pages).results().forEach(row -> said.put(row.group(1), row.group(2)));
    return said;
  }

  @Test
  void theOverviewCountsAsTheModelDoes() {
    Map<String, List<String>> rows = rows();
    assertThat(rows.keySet()).isEqualTo(ROWS.keySet());
    try (PeftModel model = MiniLm.load("no", "yes")) {
      rows.forEach(
          (name, row) -> {
            model.adapt(name, requireNonNull(ROWS.get(name)));
            Adapter adapter = model.adapter(name);
            assertThat(row.get(3)).as("parameters of %s", name).isEqualTo(parameters(adapter));
            assertThat(row.get(5)).as("merging of %s", name).isEqualTo(merges(adapter));
            assertThat(row.get(8)).as("type of %s", name).isEqualTo("`" + adapter.type() + "`");
            model.remove(name);
          });
    }
  }

  /** How many are trained, without the classifier. */
  private static String parameters(Adapter adapter) {
    long all =
        adapter.tensors().entrySet().stream()
            .filter(tensor -> !tensor.getKey().contains("classifier"))
            .map(Map.Entry::getValue)
            .distinct()
            .filter(tensor -> !tensor.isBuffer())
            .mapToLong(Trainable::size)
            .sum();
    return String.format(Locale.ROOT, "%,d", all);
  }

  private static String merges(Adapter adapter) {
    return adapter.rewrites().stream().allMatch(r -> r.layer() instanceof Mergeable) ? "yes" : "no";
  }

  /** The cells of the table of all methods, by the text of the first. */
  private static Map<String, List<String>> rows() {
    String table = read(OVERVIEW).split("\\| method \\|.*\n", 2)[1].split("\n\n", 2)[0];
    Map<String, List<String>> rows = new LinkedHashMap<>();
    table
        .lines()
        .skip(1)
        .map(line -> Stream.of(line.split("\\|")).skip(1).map(String::strip).toList())
        .forEach(row -> rows.put(row.get(0).replaceAll("\\[(.*)]\\(.*\\)", "$1"), row));
    return rows;
  }

  /** The text of the pages whose section on files names the method's type. */
  private static String pagesOf(PeftMethod<?> method) {
    Pattern type = Pattern.compile("## File\n\n`" + method.type() + "`");
    try (Stream<Path> files = Files.list(PAGES)) {
      return files
          .map(MethodPagesTest::read)
          .filter(page -> type.matcher(page).find())
          .collect(joining());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<PeftMethod<?>> methods() {
    List<PeftMethod<?>> methods = new ArrayList<>();
    for (PeftMethod<?> method : ServiceLoader.load(PeftMethod.class)) {
      methods.add(method);
    }
    return methods;
  }

  private static JsonObject defaults(PeftMethod<?> method) throws IOException {
    try (InputStream in = method.configType().getResourceAsStream("adapter_config.json")) {
      return JsonParser.parseReader(
              new InputStreamReader(requireNonNull(in), StandardCharsets.UTF_8))
          .getAsJsonObject();
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
