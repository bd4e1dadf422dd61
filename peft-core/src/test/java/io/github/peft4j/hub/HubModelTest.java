package io.github.peft4j.hub;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.io.TerminalLine;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Downloads from a hub on loopback, which is told to misbehave. */
@Timeout(60)
class HubModelTest {

  private static final String WEIGHTS = "model.safetensors";
  private static final byte[] CONTENT = new byte[100_000];

  static {
    new Random(1).nextBytes(CONTENT);
  }

  @TempDir Path cache;
  private FakeHub hub;
  private HubSettings settings;
  private final List<Duration> waits = new ArrayList<>();
  private final Retry retry =
      new Retry(3, Duration.ofSeconds(1), Duration.ofSeconds(8), Duration.ofMinutes(6), waits::add);

  @BeforeEach
  void start() throws IOException {
    hub = new FakeHub();
    hub.file("config.json", "{}").file("tokenizer.json", "{\"a\": 1}").large(WEIGHTS, CONTENT);
    settings = new HubSettings(hub.endpoint(), cache, null, false, Duration.ofSeconds(10), true);
  }

  @AfterEach
  void stop() {
    hub.close();
  }

  private HubModel model() {
    return HubModel.of(FakeHub.ID).settings(settings).listener(new DownloadListener() {});
  }

  private Path download() {
    return model().download(NeededFiles.MODEL, retry);
  }

  private Path folder() {
    return cache.resolve("models--org--name");
  }

  private List<String> filesBelow(Path root) throws IOException {
    try (Stream<Path> files = Files.walk(root)) {
      return files
          .filter(file -> !Files.isDirectory(file))
          .map(file -> root.relativize(file).toString().replace('\\', '/'))
          .sorted()
          .toList();
    }
  }

  @Test
  void writesPythonsLayout() throws IOException {
    Path snapshot = download();

    assertThat(snapshot).isEqualTo(folder().resolve("snapshots").resolve(FakeHub.COMMIT));
    assertThat(snapshot.resolve(WEIGHTS)).hasBinaryContent(CONTENT);
    assertThat(filesBelow(folder()))
        .containsExactlyInAnyOrder(
            "blobs/" + hub.hash("config.json"),
            "blobs/" + hub.hash("tokenizer.json"),
            "blobs/" + hub.hash(WEIGHTS),
            "refs/main",
            "snapshots/" + FakeHub.COMMIT + "/config.json",
            "snapshots/" + FakeHub.COMMIT + "/tokenizer.json",
            "snapshots/" + FakeHub.COMMIT + "/" + WEIGHTS,
            "trees/" + FakeHub.COMMIT + ".json");
    assertThat(folder().resolve("refs/main")).hasContent(FakeHub.COMMIT);
    assertThat(Files.readSymbolicLink(snapshot.resolve(WEIGHTS)))
        .isEqualTo(Path.of("../../blobs", hub.hash(WEIGHTS)));
    assertThat(cache.resolve(".locks/models--org--name").resolve(hub.hash(WEIGHTS) + ".lock"))
        .exists();
    assertThat(hub.hash("config.json")) // as git hash-object says
        .isEqualTo("9e26dfeeb6e641a33dae4961196235bdb965b21b");
  }

  @Test
  void downloadsNothingTwice() {
    download();
    hub.requests.clear();
    download();
    assertThat(hub.contentRequests(null)).isEmpty();
    assertThat(hub.requests).hasSize(1); // is main still that commit?
  }

  @Test
  void aCommitInTheCacheNeedsNoHub() {
    download();
    hub.close();
    assertThat(model().revision(FakeHub.COMMIT).download(NeededFiles.MODEL, retry)).exists();
    assertThat(waits).isEmpty();
  }

  @Test
  void takesWhatPythonLeft() throws IOException {
    // What huggingface_hub 2.4 writes for AutoModel.from_pretrained: no listing, locks or not
    Path snapshot = Files.createDirectories(folder().resolve("snapshots").resolve(FakeHub.COMMIT));
    Path blobs = Files.createDirectories(folder().resolve("blobs"));
    Files.writeString(
        Files.createDirectories(folder().resolve("refs")).resolve("main"), FakeHub.COMMIT);
    for (String name : List.of("config.json", WEIGHTS)) {
      Path blob = blobs.resolve(hub.hash(name));
      Files.write(blob, name.equals(WEIGHTS) ? CONTENT : new byte[] {'{', '}'});
      Files.createSymbolicLink(
          snapshot.resolve(name), Path.of("../../blobs").resolve(blob.getFileName()));
    }

    settings = settings.offline(true);
    assertThat(download()).isEqualTo(snapshot);
    assertThat(hub.requests).isEmpty();

    settings = settings.offline(false);
    assertThat(download()).isEqualTo(snapshot);
    assertThat(hub.contentRequests(null)) // Python had not needed it
        .extracting(FakeHub.Request::path)
        .containsExactly("/org/name/resolve/" + FakeHub.COMMIT + "/tokenizer.json");
  }

  @Test
  void aBlobOfAnotherRevisionIsLinked() throws IOException {
    Path blobs = Files.createDirectories(folder().resolve("blobs"));
    Files.write(blobs.resolve(hub.hash(WEIGHTS)), CONTENT);
    assertThat(download().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
    assertThat(hub.contentRequests(WEIGHTS)).isEmpty();
  }

  @Test
  void aBlobOfAnotherLengthIsReplaced() throws IOException {
    Path blobs = Files.createDirectories(folder().resolve("blobs"));
    Files.write(blobs.resolve(hub.hash(WEIGHTS)), new byte[10]);
    assertThat(download().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
  }

  @Test
  void withoutLinksTheSnapshotHasTheFiles() throws IOException {
    settings = new HubSettings(hub.endpoint(), cache, null, false, settings.timeout(), false);
    Path snapshot = download();
    assertThat(snapshot.resolve(WEIGHTS)).hasBinaryContent(CONTENT);
    assertThat(Files.isSymbolicLink(snapshot.resolve(WEIGHTS))).isFalse();
    assertThat(folder().resolve("blobs").resolve(hub.hash(WEIGHTS))).doesNotExist();
    hub.requests.clear();
    download();
    assertThat(hub.contentRequests(null)).isEmpty();
  }

  @Test
  void takesOneFormatAndTheFilesBesideIt() throws IOException {
    for (String name :
        List.of(
            "generation_config.json",
            "special_tokens_map.json",
            "added_tokens.json",
            "vocab.json",
            "merges.txt",
            "spiece.model",
            "chat_template.jinja",
            "additional_chat_templates/rag.jinja",
            "preprocessor_config.json",
            "modules.json",
            "1_Pooling/config.json",
            "2_Dense/model.safetensors",
            "LICENSE",
            // not needed:
            "README.md",
            ".gitattributes",
            "pytorch_model.bin",
            "tf_model.h5",
            "flax_model.msgpack",
            "model.gguf",
            "onnx/model.onnx",
            "onnx/tokenizer.json",
            "consolidated.safetensors",
            "2_Dense/pytorch_model.bin",
            "checkpoint-5/tokenizer.json",
            "aux/notes:1.txt")) {
      hub.file(name, name);
    }
    assertThat(filesBelow(download()))
        .containsExactlyInAnyOrder(
            "config.json",
            "tokenizer.json",
            WEIGHTS,
            "generation_config.json",
            "special_tokens_map.json",
            "added_tokens.json",
            "vocab.json",
            "merges.txt",
            "spiece.model",
            "chat_template.jinja",
            "additional_chat_templates/rag.jinja",
            "preprocessor_config.json",
            "modules.json",
            "1_Pooling/config.json",
            "2_Dense/model.safetensors",
            "LICENSE");
  }

  @Test
  void takesTheShardsOfTheIndex() throws IOException {
    hub.without(WEIGHTS)
        .file(
            "model.safetensors.index.json",
            "{\"weight_map\": {\"a\": \"model-1.safetensors\", \"b\": \"model-2.safetensors\"}}")
        .large("model-1.safetensors", new byte[100])
        .large("model-2.safetensors", new byte[200])
        .large("model-3.safetensors", new byte[300])
        .file("pytorch_model.bin", "pickle");
    assertThat(filesBelow(download()))
        .containsExactlyInAnyOrder(
            "config.json",
            "tokenizer.json",
            "model.safetensors.index.json",
            "model-1.safetensors",
            "model-2.safetensors");

    Files.delete(
        folder().resolve("snapshots").resolve(FakeHub.COMMIT).resolve("model-2.safetensors"));
    settings = settings.offline(true);
    assertThatThrownBy(this::download)
        .isInstanceOf(HubException.class)
        .hasMessageContaining("lacks model-2.safetensors")
        .hasMessageContaining("HubSettings.offline(true) is set")
        .hasMessageNotContaining("HF_HUB_OFFLINE");
  }

  @Test
  void aShardThatIsNotThereIsNamed() {
    hub.without(WEIGHTS)
        .file("model.safetensors.index.json", "{\"weight_map\": {\"a\": \"../../evil\"}}");
    assertThatThrownBy(this::download)
        .isInstanceOf(HubException.class)
        .hasMessageContaining("../../evil");
  }

  @Test
  void olderModelsHavePickles() throws IOException {
    hub.without(WEIGHTS).file("pytorch_model.bin", "pickle").file("tf_model.h5", "h5");
    assertThat(filesBelow(download())).contains("pytorch_model.bin").doesNotContain("tf_model.h5");
  }

  @Test
  void anAdapterIsNoModelAndAModelNoAdapter() throws IOException {
    assertThatThrownBy(() -> model().download(NeededFiles.ADAPTER, retry))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("org/name has no adapter_config.json")
        .hasMessageContaining("it is a whole model");
    hub.without("config.json")
        .without(WEIGHTS)
        .file("adapter_config.json", "{}")
        .file("adapter_model.bin", "old")
        .large("adapter_model.safetensors", CONTENT)
        .file("peft4j.json", "{}");
    assertThatThrownBy(this::download)
        .hasMessageContaining("org/name has no config.json: it is an adapter");
    assertThat(filesBelow(model().download(NeededFiles.ADAPTER, retry)))
        .containsExactlyInAnyOrder(
            "adapter_config.json", "adapter_model.safetensors", "peft4j.json");
  }

  @Test
  void aModelInAnotherFormatIsNamed() {
    hub.without(WEIGHTS).file("tf_model.h5", "h5");
    assertThatThrownBy(this::download)
        .hasMessageContaining("none of the files model.safetensors, pytorch_model.bin")
        .hasMessageContaining("TensorFlow");
  }

  // Repositories of GGUF files

  private FakeHub hubOfGguf(String... names) {
    hub.without(WEIGHTS);
    for (String name : names) {
      hub.large(name, name.getBytes(StandardCharsets.UTF_8));
    }
    return hub;
  }

  private Path downloadFile(String file) {
    return model().file(file).download(NeededFiles.MODEL, retry);
  }

  @Test
  void theOnlyGgufFileIsTheModel() throws IOException {
    hubOfGguf("name-Q8_0.gguf", "mmproj-name-f16.gguf", "imatrix_unsloth.gguf");
    Path file = download();
    assertThat(file).hasFileName("name-Q8_0.gguf").hasContent("name-Q8_0.gguf");
    assertThat(filesBelow(requireNonNull(file.getParent()))).containsExactly("name-Q8_0.gguf");
    settings = settings.offline(true);
    assertThat(download()).isEqualTo(file);
  }

  @Test
  void ofSeveralGgufFilesNoneIsDownloadedUntilOneIsNamed() throws IOException {
    hubOfGguf("name-Q2_K.gguf", "name-Q4_K_M.gguf", "name-Q8_0.gguf", "BF16/name-BF16.gguf");
    assertThatThrownBy(this::download)
        .isInstanceOf(HubException.class)
        .hasMessageContaining("org/name has 4 GGUF files: name one")
        .hasMessageContaining("HubModel.of(\"org/name\").file(\"name-Q4_K_M.gguf\")")
        .hasMessageContaining("\"org/name:name-Q4_K_M.gguf\"")
        .hasMessageContaining("BF16/name-BF16.gguf (0.0 MB), name-Q2_K.gguf (0.0 MB), ");
    assertThat(hub.contentRequests(null)).isEmpty();
    Path byName = downloadFile("name-Q2_K.gguf");
    assertThat(byName).hasFileName("name-Q2_K.gguf");
    assertThat(filesBelow(requireNonNull(byName.getParent()))).containsExactly("name-Q2_K.gguf");
    assertThat(downloadFile("q8_0")).hasContent("name-Q8_0.gguf");
    assertThat(downloadFile("BF16")).hasContent("BF16/name-BF16.gguf");
    assertThatThrownBy(() -> downloadFile("Q3_K_S"))
        .hasMessageContaining("org/name has no GGUF file or type 'Q3_K_S': name one")
        .hasMessageContaining("name-Q8_0.gguf");
  }

  @Test
  void aTypeThatSeveralFilesHaveIsRefused() {
    hubOfGguf("name-Q4_K_M.gguf", "name-UD-Q4_K_M.gguf", "name-Q8_0.gguf");
    assertThatThrownBy(() -> downloadFile("Q4_K_M"))
        .hasMessageContaining("'Q4_K_M' means 2 GGUF files of org/name")
        .hasMessageContaining("There are name-Q4_K_M.gguf (0.0 MB), name-UD-Q4_K_M.gguf (0.0 MB)");
  }

  @Test
  void aModelInPartsIsOneModel() throws IOException {
    hubOfGguf("Q8_0/name-Q8_0-00001-of-00002.gguf", "Q8_0/name-Q8_0-00002-of-00002.gguf");
    for (Path first : List.of(download(), downloadFile("Q8_0"))) {
      assertThat(first).hasFileName("name-Q8_0-00001-of-00002.gguf");
      assertThat(filesBelow(requireNonNull(first.getParent()))).hasSize(2);
    }
    hub.without("Q8_0/name-Q8_0-00001-of-00002.gguf");
    assertThatThrownBy(this::download)
        .hasMessageContaining("lacks parts of Q8_0/name-Q8_0-00001-of-00002.gguf")
        .hasMessageContaining("Q8_0/name-Q8_0-00001-of-00002.gguf");
  }

  @Test
  void aGgufFileBesideOtherWeightsIsTakenIfItIsNamed() throws IOException {
    hub.file("name.gguf", "gguf");
    assertThat(download()).isDirectory();
    assertThat(downloadFile("name.gguf")).hasContent("gguf");
    hub.without("name.gguf");
    settings = settings.cache(cache.resolve("other"));
    assertThatThrownBy(() -> downloadFile("name.gguf"))
        .hasMessageContaining("org/name has no GGUF file, and 'name.gguf' is asked for");
  }

  @Test
  void aDropIsResumed() {
    hub.misbehave(WEIGHTS, FakeHub.dropAfter(60_000));
    assertThat(download().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
    assertThat(hub.contentRequests("cdn/" + WEIGHTS))
        .extracting(FakeHub.Request::range)
        .hasSize(2)
        .last()
        .asString()
        .matches("bytes=[1-9]\\d+-");
    assertThat(waits).containsExactly(Duration.ofSeconds(1));
  }

  @Test
  void aLaterProcessResumes() throws IOException {
    FakeHub.Misbehaviour broken = FakeHub.status(503);
    hub.misbehave(WEIGHTS, FakeHub.dropAfter(60_000), broken, broken);
    assertThatThrownBy(this::download)
        .isInstanceOf(HubException.class)
        .hasMessageContaining(WEIGHTS)
        .hasMessageContaining("503")
        .hasMessageContaining("tried 3 times");
    Path part = folder().resolve("blobs").resolve(hub.hash(WEIGHTS) + ".peft4j.incomplete");
    long have = Files.size(part);
    assertThat(have).isPositive();
    assertThat(folder().resolve("refs/main")).doesNotExist();
    hub.requests.clear();

    List<Long> seen = new ArrayList<>();
    DownloadListener listener =
        new DownloadListener() {
          @Override
          public void onProgress(long bytes, long total) {
            seen.add(total - bytes);
          }
        };
    Path snapshot = model().listener(listener).download(NeededFiles.MODEL, retry);
    assertThat(snapshot.resolve(WEIGHTS)).hasBinaryContent(CONTENT);
    assertThat(hub.contentRequests("cdn/" + WEIGHTS))
        .extracting(FakeHub.Request::range)
        .containsExactly("bytes=" + have + "-");
    assertThat(part).doesNotExist();
    assertThat(seen).last().isEqualTo(0L);
  }

  @Test
  void aServerWithoutRangesSendsAllAgain() throws IOException {
    Path blobs = Files.createDirectories(folder().resolve("blobs"));
    Files.write(
        blobs.resolve(hub.hash(WEIGHTS) + ".peft4j.incomplete"), Arrays.copyOf(CONTENT, 1000));
    hub.misbehave(WEIGHTS, FakeHub.content(CONTENT));
    assertThat(download().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
    assertThat(waits).isEmpty();
  }

  @Test
  void aDamagedPartIsDroppedAndFetchedAgain() throws IOException {
    Path blobs = Files.createDirectories(folder().resolve("blobs"));
    Files.write(blobs.resolve(hub.hash(WEIGHTS) + ".peft4j.incomplete"), new byte[1000]);
    assertThat(download().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
    assertThat(hub.contentRequests("cdn/" + WEIGHTS))
        .extracting(FakeHub.Request::range)
        .containsExactly("bytes=1000-", "");
  }

  @Test
  void aPartThatIsTooLongIsDropped() throws IOException {
    Path blobs = Files.createDirectories(folder().resolve("blobs"));
    Files.write(
        blobs.resolve(hub.hash(WEIGHTS) + ".peft4j.incomplete"), new byte[CONTENT.length + 1]);
    assertThat(download().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
  }

  /** Short for a person and long for a busy machine. */
  private void beImpatient() {
    settings = new HubSettings(hub.endpoint(), cache, null, false, Duration.ofMillis(700), true);
  }

  @Test
  void aStallEndsAndIsResumed() {
    beImpatient();
    hub.misbehave(WEIGHTS, hub.stallAfter(60_000));
    assertThat(download().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
    assertThat(hub.contentRequests("cdn/" + WEIGHTS)).hasSize(2);
  }

  @Test
  void aServerThatSaysNothingIsAskedAgain() {
    beImpatient();
    hub.misbehave("listing", hub.silence());
    assertThat(download().resolve(WEIGHTS)).exists();
    assertThat(waits).containsExactly(Duration.ofSeconds(1));
  }

  @Test
  void waitsGrowAndEnd() {
    FakeHub.Misbehaviour broken = FakeHub.status(500);
    hub.misbehave("listing", broken, broken, broken);
    assertThatThrownBy(this::download)
        .isInstanceOf(HubException.class)
        .hasMessageContaining("answers 500");
    assertThat(waits).containsExactly(Duration.ofSeconds(1), Duration.ofSeconds(2));
  }

  @Test
  void aServerSaysHowLongToWait() {
    hub.misbehave("listing", FakeHub.status(429, "Retry-After", "17"));
    hub.misbehave(WEIGHTS, FakeHub.status(429, "RateLimit", "\"resolvers\";r=0;t=55"));
    download();
    assertThat(waits).containsExactly(Duration.ofSeconds(17), Duration.ofSeconds(56));
  }

  @Test
  void aWaitThatIsTooLongIsAnError() {
    hub.misbehave("listing", FakeHub.status(429, "Retry-After", "7200"));
    assertThatThrownBy(this::download)
        .hasMessageContaining("429")
        .hasMessageContaining("7200 seconds");
    assertThat(waits).isEmpty();
  }

  @Test
  void aWrongHashIsAnErrorAndLeavesNoFile() throws IOException {
    byte[] other = CONTENT.clone();
    other[500]++;
    hub.misbehave(WEIGHTS, FakeHub.content(other), FakeHub.content(other));
    assertThatThrownBy(this::download)
        .isInstanceOf(HubException.class)
        .hasMessageContaining(WEIGHTS)
        .hasMessageContaining("SHA-256")
        .hasMessageContaining(hub.hash(WEIGHTS));
    assertThat(folder().resolve("snapshots").resolve(FakeHub.COMMIT).resolve(WEIGHTS))
        .doesNotExist();
    assertThat(filesBelow(folder())).doesNotContain("blobs/" + hub.hash(WEIGHTS));
  }

  @Test
  void smallFilesAreCheckedToo() {
    byte[] other = {'[', ']'};
    hub.misbehave("config.json", FakeHub.content(other), FakeHub.content(other));
    assertThatThrownBy(this::download)
        .hasMessageContaining("config.json")
        .hasMessageContaining("SHA-1 as a Git blob");
  }

  @Test
  void aWrongLengthIsAnError() {
    FakeHub.Misbehaviour shorter = FakeHub.content(new byte[10]);
    hub.misbehave(WEIGHTS, shorter, shorter, shorter);
    assertThatThrownBy(this::download).hasMessageContaining("sends 10 bytes; expected 100000");
  }

  @Test
  void aBodyWithoutEndIsCut() {
    FakeHub.Misbehaviour longer =
        (exchange, content) -> {
          exchange.sendResponseHeaders(200, 0); // chunked
          exchange.getResponseBody().write(content);
          exchange.getResponseBody().write(content);
        };
    hub.misbehave(WEIGHTS, longer, longer, longer);
    assertThatThrownBy(this::download).hasMessageContaining("more than the 100000 bytes");
  }

  @Test
  void theTokenStaysAtTheHub() {
    settings = settings.token("hf_secret");
    download();
    assertThat(hub.requests)
        .allSatisfy(
            request ->
                assertThat(request.token()).isEqualTo(request.toHub() ? "Bearer hf_secret" : ""));
    assertThat(hub.contentRequests("cdn/")).isNotEmpty();
    assertThat(settings.toString()).doesNotContain("hf_secret");
  }

  @Test
  void theTokenDoesNotFollowToAnotherNameOfTheHost() {
    settings = settings.token("hf_secret");
    String elsewhere = hub.endpoint().toString().replace("127.0.0.1", "localhost");
    hub.misbehave("config.json", FakeHub.redirect(elsewhere + "/org/name/resolve/x/config.json"));
    download();
    assertThat(hub.contentRequests("config.json"))
        .extracting(FakeHub.Request::token)
        .containsExactly("Bearer hf_secret", "");
  }

  @Test
  void anUnencryptedHubGetsNoToken() {
    assertThat(Endpoints.isPrivate(URI.create("http://hub.example"))).isFalse();
    assertThat(Endpoints.isPrivate(URI.create("http://127.0.0.1.example"))).isFalse();
    assertThat(Endpoints.isPrivate(URI.create("http://localhost.example"))).isFalse();
    assertThat(Endpoints.isPrivate(URI.create("http://localhost:80"))).isTrue();
    assertThat(Endpoints.isPrivate(URI.create("http://[::1]:80"))).isTrue();
    assertThat(Endpoints.isPrivate(URI.create("https://hub.example"))).isTrue();
  }

  @Test
  void aLoopOfRedirectsEnds() {
    FakeHub.Misbehaviour loop = FakeHub.redirect("/org/name/resolve/x/config.json");
    FakeHub.Misbehaviour[] loops = new FakeHub.Misbehaviour[40];
    Arrays.fill(loops, loop);
    hub.misbehave("config.json", loops);
    assertThatThrownBy(this::download).hasMessageContaining("redirects more than 10 times");
  }

  @ParameterizedTest
  @ValueSource(strings = {"file:///etc/passwd", "ftp://host/x", "http://", "//", ""})
  void aRedirectToNoServerIsRefused(String location) {
    hub.misbehave("config.json", FakeHub.redirect(location));
    assertThatThrownBy(this::download).isInstanceOf(HubException.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../evil.json",
        "a/../../tokenizer.json",
        "/etc/tokenizer.json",
        "C:/tokenizer.json",
        "..\\tokenizer.json",
        "tokenizer_\u0000.json",
        "a//b.json",
        "./tokenizer.json"
      })
  void forgedNamesRefuseTheRepository(String name) throws IOException {
    hub.file(name, "evil");
    assertThatThrownBy(this::download)
        .isInstanceOf(HubException.class)
        .hasMessageContaining("the file name")
        .hasMessageContaining(name.replace("\u0000", "�"))
        .hasMessageContaining("is refused");
    assertThat(filesBelow(cache)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "tokenizer\\x.json",
        "tokenizer:x.json",
        "1_Pooling/nul.json",
        "1_Pooling/config.json.",
        "LICENSE\u0007",
        "LICENSE ",
        "license"
      })
  void namesThatOtherSystemsReadDifferentlyAreRefused(String name) throws IOException {
    hub.file(name, "x").file("LICENSE", "y");
    if (name.equals("1_Pooling/config.json.")) {
      assertThat(filesBelow(download())).doesNotContain(name); // it is not needed
      return;
    }
    assertThatThrownBy(this::download)
        .isInstanceOf(HubException.class)
        .hasMessageContaining("is refused");
    assertThat(filesBelow(cache)).isEmpty();
  }

  @Test
  void severalFilesAtATime() {
    hub.without(WEIGHTS);
    String map =
        IntStream.range(0, 8)
            .mapToObj(i -> "\"t%d\": \"m%d.safetensors\"".formatted(i, i))
            .reduce((a, b) -> a + "," + b)
            .orElseThrow();
    hub.file("model.safetensors.index.json", "{\"weight_map\": {" + map + "}}");
    CyclicBarrier four = new CyclicBarrier(4); // nobody is answered until four have asked
    for (int i = 0; i < 8; i++) {
      byte[] content = CONTENT.clone();
      content[0] = (byte) i;
      hub.large("m" + i + ".safetensors", content);
      hub.misbehave(
          "m" + i + ".safetensors",
          (exchange, bytes) -> {
            try {
              four.await(20, TimeUnit.SECONDS);
            } catch (InterruptedException | BrokenBarrierException | TimeoutException e) {
              throw new IOException(e);
            }
            FakeHub.content(bytes).answer(exchange, bytes);
          });
    }
    hub.without("tokenizer.json");
    model().download(NeededFiles.MODEL, retry); // four at a time by default
    assertThat(four.isBroken()).isFalse();
    assertThat(hub.contentRequests("cdn/")).hasSize(8);
  }

  @Test
  void twoThreadsDownloadEachFileOnce() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(2);
    try {
      Future<Path> one = threads.submit(this::download);
      Future<Path> two = threads.submit(this::download);
      assertThat(one.get(30, TimeUnit.SECONDS)).isEqualTo(two.get(30, TimeUnit.SECONDS));
    } finally {
      threads.shutdownNow();
    }
    assertThat(hub.contentRequests("cdn/" + WEIGHTS)).hasSize(1);
    assertThat(hub.contentRequests("config.json")).hasSize(1);
  }

  @Test
  void equalFilesAreOneBlob() {
    hub.file("special_tokens_map.json", "{}"); // as config.json
    Path snapshot = download();
    assertThat(snapshot.resolve("special_tokens_map.json")).hasContent("{}");
    assertThat(snapshot.resolve("config.json")).hasContent("{}");
  }

  @Test
  void anEmptyFileNeedsNoRequest() {
    hub.file("LICENSE", "");
    assertThat(download().resolve("LICENSE")).isEmptyFile();
    assertThat(hub.contentRequests("LICENSE")).isEmpty();
  }

  @Test
  void offlineSaysWhatIsMissing() throws IOException {
    settings = settings.offline(true);
    assertThatThrownBy(this::download)
        .isInstanceOf(HubException.class)
        .hasMessageContaining("org/name is not in the cache " + cache)
        .hasMessageContaining("HubSettings.offline(true) is set")
        .hasMessageNotContaining("HF_HUB_OFFLINE");
    settings = settings.offline(false);
    Path snapshot = download();
    Files.delete(snapshot.resolve("tokenizer.json"));
    settings = settings.offline(true);
    assertThatThrownBy(this::download).hasMessageContaining("lacks tokenizer.json");
    assertThat(hub.requests).extracting(FakeHub.Request::method).containsOnly("GET");
  }

  @Test
  void withoutNetworkTheCacheIsTaken() {
    Path snapshot = download();
    hub.close();
    assertThat(download()).isEqualTo(snapshot);
    assertThat(waits).isEmpty();
  }

  @Test
  void withoutNetworkAndCacheTheHostIsNamed() {
    hub.close();
    assertThatThrownBy(this::download)
        .isInstanceOf(HubException.class)
        .hasMessageContaining(hub.endpoint().toString())
        .hasMessageContaining("HF_ENDPOINT");
    assertThat(waits).isEmpty();
  }

  @Test
  void aRevisionIsFoundAndRemembered() {
    Path snapshot = model().revision("refs/pr/1").download(NeededFiles.MODEL, retry);
    assertThat(snapshot.resolve("config.json")).exists();
    assertThat(folder().resolve("refs/refs/pr/1")).hasContent(FakeHub.COMMIT);
    assertThat(hub.requests.get(0).path())
        .isEqualTo("/api/models/org/name/revision/refs%2Fpr%2F1?blobs=true");
  }

  @Test
  void aRevisionThatIsNotThereIsNamedEvenIfTheCacheHasIt() {
    download();
    model().revision("v1").download(NeededFiles.MODEL, retry);
    hub.misbehave("listing", FakeHub.status(404, "X-Error-Code", "RevisionNotFound"));
    assertThatThrownBy(() -> model().revision("v1").download(NeededFiles.MODEL, retry))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("no revision 'v1'");
  }

  @Test
  void refusalsSayWhatToDo() {
    hub.misbehave("listing", FakeHub.status(401, "X-Error-Code", "RepoNotFound"));
    assertThatThrownBy(this::download)
        .hasMessageContaining("no such repository, or it is private or gated")
        .hasMessageContaining("HF_TOKEN");
    hub.misbehave("listing", FakeHub.status(403, "X-Error-Code", "GatedRepo"));
    assertThatThrownBy(this::download)
        .hasMessageContaining("Accept its licence at " + hub.endpoint() + "/org/name");
    settings = settings.token("hf_secret");
    hub.misbehave("listing", FakeHub.status(404, "X-Error-Code", "RepoNotFound"));
    assertThatThrownBy(this::download).hasMessageContaining("the account of the token");
    hub.misbehave(
        "listing",
        FakeHub.status(401, "X-Error-Message", "Invalid credentials in Authorization header"));
    assertThatThrownBy(this::download)
        .hasMessageContaining("the token is not valid")
        .hasMessageContaining("/settings/tokens");
    hub.misbehave("listing", FakeHub.status(403));
    assertThatThrownBy(this::download)
        .hasMessageContaining("forbidden")
        .hasMessageNotContaining("hf_secret");
  }

  /** Gated repositories may show their listing to all. */
  @Test
  void aGatedFileIsAnErrorToo() {
    hub.misbehave("config.json", FakeHub.status(403, "X-Error-Code", "GatedRepo"));
    assertThatThrownBy(this::download).hasMessageContaining("Accept its licence");
  }

  @Test
  void signedAddressesAreNotShown() {
    FakeHub.Misbehaviour refused = FakeHub.status(418);
    hub.misbehave(WEIGHTS, refused);
    assertThatThrownBy(this::download)
        .hasMessageContaining("418")
        .hasMessageNotContaining("Signature");
  }

  @Test
  void aMirrorWithoutHashesSaysThemWithTheFiles() {
    hub.detailed = false;
    assertThat(download().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
    assertThat(hub.requests)
        .filteredOn(request -> request.method().equals("HEAD"))
        .hasSize(3)
        .allMatch(FakeHub.Request::toHub);
  }

  @ParameterizedTest
  @ValueSource(strings = {"<html>sign in</html>", "[]", "{}", "{\"sha\": \"../..\"}", ""})
  void anAnswerThatIsNotTheHubsIsAnError(String answer) {
    hub.misbehave("listing", FakeHub.content(answer.getBytes(StandardCharsets.UTF_8)));
    assertThatThrownBy(this::download)
        .isInstanceOf(HubException.class)
        .hasMessageContaining("is not the hub's");
  }

  @Test
  void aFailingListenerDoesNotEndADownload() {
    DownloadListener failing =
        new DownloadListener() {
          @Override
          public void onProgress(long bytes, long total) {
            throw new IllegalStateException("listener");
          }
        };
    assertThat(model().listener(failing).download(NeededFiles.MODEL, retry)).exists();
  }

  @Test
  void anInterruptEndsADownload() throws Exception {
    settings = new HubSettings(hub.endpoint(), cache, null, false, Duration.ofSeconds(30), true);
    hub.misbehave(WEIGHTS, hub.stallAfter(10));
    List<Throwable> failures = new ArrayList<>();
    Thread thread = new Thread(this::download);
    thread.setUncaughtExceptionHandler((t, failure) -> failures.add(failure));
    thread.start();
    while (hub.contentRequests("cdn/" + WEIGHTS).isEmpty()) {
      Thread.sleep(10);
    }
    thread.interrupt();
    thread.join(10_000);
    assertThat(failures).singleElement().isInstanceOf(HubException.class);
  }

  @Test
  void aCacheThatCannotBeWrittenIsNamed() throws IOException {
    Path file = Files.writeString(cache.resolve("file"), "no folder");
    settings = settings.cache(file);
    assertThatThrownBy(this::download)
        .isInstanceOf(HubException.class)
        .hasMessageContaining("the cache " + file + " cannot be written");
  }

  @Test
  void aDiskThatFailsEndsTheDownloadAtOnce() throws IOException {
    Files.createDirectories(folder());
    Files.writeString(folder().resolve("blobs"), "no folder");
    assertThatThrownBy(this::download)
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining("cannot write")
        .hasMessageContaining("HF_HUB_CACHE");
    assertThat(waits).isEmpty();
  }

  @Test
  void progressIsALineThatIsDrawnAgain() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    PrintStream print = new PrintStream(out, true, StandardCharsets.UTF_8);
    AtomicLong time = new AtomicLong();
    DownloadProgress progress = new DownloadProgress(new TerminalLine(print), true, time::get);
    progress.onStart("org/name", 2, 2_000_000_000L);
    progress.onProgress(0, 2_000_000_000L);
    time.set(TimeUnit.SECONDS.toNanos(2));
    progress.onProgress(500_000_000, 2_000_000_000L);
    progress.onProgress(600_000_000, 2_000_000_000L); // too soon
    time.set(TimeUnit.SECONDS.toNanos(4));
    progress.onProgress(2_000_000_000L, 2_000_000_000L);
    progress.onEnd(cache);
    assertThat(out.toString(StandardCharsets.UTF_8).split("\r"))
        .extracting(String::strip)
        .containsExactly(
            "",
            "[=====               ] org/name, 500.0 MB of 2.00 GB, 250.0 MB/s",
            "[====================] org/name, 2.00 GB of 2.00 GB, 500.0 MB/s",
            "org/name: 2.00 GB in 4 s");
  }
}
