package io.github.peft4j.hub;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A hub on loopback with the repository {@code org/name}, and a second server for the large files,
 * as the real hub has. Both answer as the real ones do unless a test tells them to misbehave.
 */
public final class FakeHub implements AutoCloseable {

  public static final String ID = "org/name";
  public static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  /** Answers one request wrongly. */
  public interface Misbehaviour {
    void answer(HttpExchange exchange, byte[] content) throws IOException;
  }

  /** A request that a server got. */
  public record Request(
      boolean toHub, String method, String path, String token, String range, String agent) {}

  private record File(byte[] content, boolean large) {}

  public final List<Request> requests = Collections.synchronizedList(new ArrayList<>());

  private final Map<String, File> files = new LinkedHashMap<>();
  private final Map<String, Deque<Misbehaviour>> misbehaviours = new ConcurrentHashMap<>();
  private final CountDownLatch closed = new CountDownLatch(1);
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final HttpServer hub;
  private final HttpServer cdn;

  /** Whether the listing has sizes and hashes; mirrors may lack them. */
  boolean detailed = true;

  public FakeHub() throws IOException {
    this(0);
  }

  private FakeHub(int port) throws IOException {
    hub = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    cdn = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    hub.createContext("/", exchange -> handle(true, exchange));
    cdn.createContext("/", exchange -> handle(false, exchange));
    hub.setExecutor(threads);
    cdn.setExecutor(threads);
    hub.start();
    cdn.start();
  }

  /**
   * Serves a folder until it is killed, for Python's huggingface_hub with {@code HF_ENDPOINT}: one
   * library reads what the other has written into the same {@code HF_HUB_CACHE}.
   *
   * @param args the port and the folder
   */
  public static void main(String... args) throws IOException, InterruptedException {
    FakeHub server = new FakeHub(Integer.parseInt(args[0]));
    server.folder(Path.of(args[1]));
    System.out.println(server.endpoint());
    server.closed.await();
  }

  /** Adds the files of a folder; tensors are large files. */
  public FakeHub folder(Path folder) throws IOException {
    try (Stream<Path> paths = Files.walk(folder)) {
      for (Path path : paths.filter(Files::isRegularFile).toList()) {
        String name = folder.relativize(path).toString().replace('\\', '/');
        file(name, Files.readAllBytes(path), name.endsWith(".safetensors"));
      }
    }
    return this;
  }

  public URI endpoint() {
    return URI.create("http://127.0.0.1:" + hub.getAddress().getPort());
  }

  URI cdn() {
    return URI.create("http://127.0.0.1:" + cdn.getAddress().getPort());
  }

  public FakeHub file(String name, String content) {
    return file(name, content.getBytes(StandardCharsets.UTF_8), false);
  }

  FakeHub large(String name, byte[] content) {
    return file(name, content, true);
  }

  /** Adds a file; large ones are on the second server. */
  public FakeHub file(String name, byte[] content, boolean large) {
    files.put(name, new File(content, large));
    return this;
  }

  FakeHub without(String name) {
    files.remove(name);
    return this;
  }

  /** The next requests for a file's content, or for {@code "listing"}, get these answers. */
  public FakeHub misbehave(String name, Misbehaviour... answers) {
    misbehaviours.computeIfAbsent(name, key -> new ArrayDeque<>()).addAll(Arrays.asList(answers));
    return this;
  }

  /** An answer without content. */
  public static Misbehaviour status(int status, String... headers) {
    return (exchange, content) -> {
      for (int i = 0; i < headers.length; i += 2) {
        exchange.getResponseHeaders().set(headers[i], headers[i + 1]);
      }
      exchange.sendResponseHeaders(status, -1);
    };
  }

  /** Sends the beginning of a file and closes the connection. */
  static Misbehaviour dropAfter(int bytes) {
    return (exchange, content) -> {
      exchange.sendResponseHeaders(200, content.length);
      exchange.getResponseBody().write(content, 0, bytes);
      exchange.getResponseBody().flush();
    };
  }

  /** Sends the beginning of a file, and then nothing. */
  Misbehaviour stallAfter(int bytes) {
    return (exchange, content) -> {
      exchange.sendResponseHeaders(200, content.length);
      exchange.getResponseBody().write(content, 0, bytes);
      exchange.getResponseBody().flush();
      waitForEnd();
    };
  }

  /** Never answers. */
  Misbehaviour silence() {
    return (exchange, content) -> waitForEnd();
  }

  private void waitForEnd() {
    try {
      closed.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Sends something else. */
  static Misbehaviour content(byte[] other) {
    return (exchange, content) -> {
      exchange.sendResponseHeaders(200, other.length);
      exchange.getResponseBody().write(other);
    };
  }

  static Misbehaviour redirect(String location) {
    return status(302, "Location", location);
  }

  private void handle(boolean toHub, HttpExchange exchange) throws IOException {
    try (exchange) {
      String path = exchange.getRequestURI().getPath();
      requests.add(
          new Request(
              toHub,
              exchange.getRequestMethod(),
              exchange.getRequestURI().toString(),
              header(exchange, "Authorization"),
              header(exchange, "Range"),
              header(exchange, "User-Agent")));
      String name =
          path.startsWith("/api/")
              ? "listing"
              : path.replaceFirst("^/" + ID + "/resolve/[^/]+/", "").replaceFirst("^/cdn/", "");
      File file = files.get(name);
      boolean contentHere = !toHub || file == null || !file.large();
      Deque<Misbehaviour> answers = misbehaviours.getOrDefault(name, new ArrayDeque<>());
      Misbehaviour answer;
      synchronized (answers) {
        answer = contentHere ? answers.poll() : null;
      }
      byte[] content =
          path.startsWith("/api/") ? listing(path) : file == null ? new byte[0] : file.content();
      if (answer != null) {
        answer.answer(exchange, content);
      } else if (path.startsWith("/api/")) {
        api(exchange, path, content);
      } else if (file == null) {
        status(404, "X-Error-Code", "EntryNotFound").answer(exchange, content);
      } else if (contentHere) {
        exchange.getResponseHeaders().set("ETag", '"' + hash(file) + '"');
        exchange.getResponseHeaders().set("X-Repo-Commit", COMMIT);
        ranged(exchange, content);
      } else {
        toCdn(exchange, name, file);
      }
    } catch (IOException e) {
      if (closed.getCount() > 0 && !String.valueOf(e.getMessage()).contains("insufficient")) {
        throw e;
      }
    }
  }

  private static String header(HttpExchange exchange, String name) {
    return Objects.requireNonNullElse(exchange.getRequestHeaders().getFirst(name), "");
  }

  private void api(HttpExchange exchange, String path, byte[] content) throws IOException {
    if (!path.startsWith("/api/models/" + ID + "/")) {
      status(401, "X-Error-Code", "RepoNotFound").answer(exchange, content);
    } else if (!path.matches(".*/(main|v1|refs/pr/1|" + COMMIT + ")")) {
      status(404, "X-Error-Code", "RevisionNotFound").answer(exchange, content);
    } else {
      exchange.getResponseHeaders().set("Content-Type", "application/json");
      content(content).answer(exchange, content);
    }
  }

  private void toCdn(HttpExchange exchange, String name, File file) throws IOException {
    Headers headers = exchange.getResponseHeaders();
    headers.set("X-Linked-Etag", '"' + hash(file) + '"');
    headers.set("X-Linked-Size", String.valueOf(file.content().length));
    headers.set("X-Repo-Commit", COMMIT);
    headers.set("Location", cdn() + "/cdn/" + name + "?Signature=secret");
    exchange.sendResponseHeaders(302, -1);
  }

  private static void ranged(HttpExchange exchange, byte[] content) throws IOException {
    String range = header(exchange, "Range");
    int start = range.isEmpty() ? 0 : Integer.parseInt(range.replaceAll("bytes=(\\d+)-", "$1"));
    if (start > 0) {
      exchange
          .getResponseHeaders()
          .set(
              "Content-Range",
              "bytes %d-%d/%d".formatted(start, content.length - 1, content.length));
    }
    int length = content.length - start;
    if (exchange.getRequestMethod().equals("HEAD")) {
      exchange.getResponseHeaders().set("Content-Length", String.valueOf(length));
      exchange.sendResponseHeaders(200, -1);
      return;
    }
    exchange.sendResponseHeaders(start > 0 ? 206 : 200, length == 0 ? -1 : length);
    exchange.getResponseBody().write(content, start, length);
  }

  private byte[] listing(String path) {
    JsonArray siblings = new JsonArray();
    boolean tree = path.contains("/tree/");
    files.forEach((name, file) -> siblings.add(tree ? treeEntry(name, file) : sibling(name, file)));
    JsonObject json = new JsonObject();
    json.addProperty("id", ID);
    json.addProperty("sha", COMMIT);
    json.add("siblings", siblings);
    return (tree ? siblings : json).toString().getBytes(StandardCharsets.UTF_8);
  }

  private JsonObject sibling(String name, File file) {
    JsonObject json = new JsonObject();
    json.addProperty("rfilename", name);
    if (!detailed) {
      return json;
    }
    json.addProperty("size", file.content().length);
    json.addProperty("blobId", gitHash(file.large() ? pointer(file) : file.content()));
    if (file.large()) {
      JsonObject lfs = new JsonObject();
      lfs.addProperty("sha256", hash(file));
      lfs.addProperty("size", file.content().length);
      lfs.addProperty("pointerSize", pointer(file).length);
      json.add("lfs", lfs);
    }
    return json;
  }

  /** As {@link #sibling}, in the words of the hub's other listing, which Python reads. */
  private JsonObject treeEntry(String name, File file) {
    JsonObject json = new JsonObject();
    json.addProperty("type", "file");
    json.addProperty("path", name);
    json.addProperty("size", file.content().length);
    json.addProperty("oid", gitHash(file.large() ? pointer(file) : file.content()));
    if (file.large()) {
      JsonObject lfs = new JsonObject();
      lfs.addProperty("oid", hash(file));
      lfs.addProperty("size", file.content().length);
      lfs.addProperty("pointerSize", pointer(file).length);
      json.add("lfs", lfs);
    }
    return json;
  }

  private static byte[] pointer(File file) {
    return "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n"
        .formatted(digest("SHA-256", file.content()), file.content().length)
        .getBytes(StandardCharsets.UTF_8);
  }

  private static String hash(File file) {
    return file.large() ? digest("SHA-256", file.content()) : gitHash(file.content());
  }

  /** The hash of a file's content, which names its blob. */
  String hash(String name) {
    return hash(Objects.requireNonNull(files.get(name)));
  }

  static String gitHash(byte[] content) {
    byte[] head = ("blob " + content.length + "\0").getBytes(StandardCharsets.US_ASCII);
    byte[] all = Arrays.copyOf(head, head.length + content.length);
    System.arraycopy(content, 0, all, head.length, content.length);
    return digest("SHA-1", all);
  }

  private static String digest(String algorithm, byte[] content) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance(algorithm).digest(content));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The requests for a file's content. */
  List<Request> contentRequests(@Nullable String name) {
    synchronized (requests) {
      return requests.stream()
          .filter(request -> !request.path().startsWith("/api/"))
          .filter(request -> name == null || request.path().contains("/" + name))
          .toList();
    }
  }

  @Override
  public void close() {
    closed.countDown();
    hub.stop(0);
    cdn.stop(0);
    threads.shutdownNow();
  }
}
