package io.github.peft4j.hub;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Flow;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Asks the hub about a repository. */
final class HubApi {

  private static final int LONGEST_LISTING = 1 << 26;

  private final Http http;
  private final URI endpoint;
  private final String id;
  private final HubErrors errors;

  HubApi(Http http, HubErrors errors) {
    this.http = http;
    this.endpoint = errors.endpoint();
    this.id = errors.id();
    this.errors = errors;
  }

  HubErrors errors() {
    return errors;
  }

  /** The address of a file's content. */
  URI file(String commit, String name) {
    return URI.create("%s/%s/resolve/%s/%s".formatted(endpoint, id, commit, encoded(name)));
  }

  private static String encoded(String path) {
    return Arrays.stream(path.split("/", -1))
        .map(part -> URLEncoder.encode(part, StandardCharsets.UTF_8).replace("+", "%20"))
        .collect(Collectors.joining("/"));
  }

  /**
   * The commit that the revision is now, and its files.
   *
   * @throws HubException if the hub cannot be reached, or refuses
   */
  Listing listing(Retry retry) {
    URI uri =
        URI.create(
            "%s/api/models/%s/revision/%s?blobs=true"
                .formatted(endpoint, id, encoded(errors.revision()).replace("/", "%2F")));
    String text =
        ask(
            uri,
            retry,
            () -> {
              HttpResponse<Flow.Publisher<List<ByteBuffer>>> response = http.get(uri, Map.of());
              try (Body body = new Body(response, http.timeout())) {
                return new Answer(response, body.text(LONGEST_LISTING));
              }
            });
    try {
      return listing(JsonParser.parseString(text).getAsJsonObject());
    } catch (JsonParseException
        | IllegalStateException
        | UnsupportedOperationException
        | NumberFormatException
        | ClassCastException
        | NullPointerException e) {
      throw errors.error(
          "the answer of "
              + Endpoints.shown(uri)
              + " is not the hub's: check HF_ENDPOINT and the proxy",
          e);
    }
  }

  private Listing listing(JsonObject json) {
    String commit = json.get("sha").getAsString();
    if (!Listing.isCommit(commit)) {
      throw new IllegalStateException("sha is no commit: " + FileNames.shown(commit));
    }
    JsonArray siblings = json.getAsJsonArray("siblings");
    List<RemoteFile> files = new ArrayList<>();
    for (JsonElement sibling : siblings == null ? new JsonArray() : siblings) {
      JsonObject file = sibling.getAsJsonObject();
      JsonElement lfs = file.get("lfs");
      JsonObject large = lfs != null && lfs.isJsonObject() ? lfs.getAsJsonObject() : null;
      JsonElement size = large != null ? large.get("size") : file.get("size");
      files.add(
          new RemoteFile(
              file.get("rfilename").getAsString(),
              size == null || size.isJsonNull() ? -1 : size.getAsLong(),
              hash(file.get("blobId"), 40),
              large == null ? null : hash(large.get("sha256"), 64)));
    }
    return Listing.of(commit, files);
  }

  private static @Nullable String hash(@Nullable JsonElement value, int digits) {
    if (value == null || value.isJsonNull()) {
      return null;
    }
    String text = value.getAsString();
    if (!text.matches("[0-9a-f]{" + digits + "}")) {
      throw new IllegalStateException("a hash is " + FileNames.shown(text));
    }
    return text;
  }

  /**
   * A file with its size and hash. If a mirror's listing lacks them, the headers of the file have
   * them.
   */
  RemoteFile known(String commit, RemoteFile file, Retry retry) {
    if (file.isKnown()) {
      return file;
    }
    URI uri = file(commit, file.name());
    HttpResponse<?>[] last = new HttpResponse<?>[1];
    ask(
        uri,
        retry,
        () -> {
          last[0] = http.head(uri);
          return new Answer(last[0], "");
        });
    HttpResponse<?> response = last[0];
    String tag =
        response
            .headers()
            .firstValue("X-Linked-Etag")
            .or(() -> response.headers().firstValue("ETag"))
            .orElse("")
            .replaceAll("^W/", "")
            .replace("\"", "");
    long size =
        response
            .headers()
            .firstValue("X-Linked-Size")
            .or(() -> response.headers().firstValue("Content-Length"))
            .filter(text -> text.matches("\\d{1,18}"))
            .map(Long::valueOf)
            .orElse(-1L);
    if (size < 0 || !tag.matches("[0-9a-f]{40}|[0-9a-f]{64}")) {
      throw errors.error(
          Endpoints.shown(uri)
              + " names no size or no hash of the file (X-Linked-Size, X-Linked-Etag), so that it"
              + " cannot be checked: take another HF_ENDPOINT, or fetch the folder by other means");
    }
    boolean large = tag.length() == 64;
    return new RemoteFile(file.name(), size, large ? null : tag, large ? tag : null);
  }

  private record Answer(HttpResponse<?> response, String text) {}

  private interface Question {
    Answer ask() throws IOException, InterruptedException;
  }

  /** The text of an answer; a redirect of a HEAD to another host is one. */
  private String ask(URI uri, Retry retry, Question question) {
    for (int failures = 1; ; failures++) {
      Failure failure;
      try {
        Answer answer = question.ask();
        int status = answer.response().statusCode();
        if (status < 400) {
          return answer.text();
        }
        if (!Failure.isPassing(status)) {
          throw errors.of(uri, status, answer.response().headers());
        }
        failure = Failure.of(uri, status, answer.response().headers());
      } catch (IOException e) {
        failure = Failure.of(uri, e);
      } catch (InterruptedException e) {
        throw Retry.interrupted(id, e);
      }
      // Nothing has begun yet: without a network, an error at once is better than a wait.
      Retry now = failure.isUnreachable() ? retry.once() : retry;
      now.pause(id, failures, failure);
    }
  }
}
