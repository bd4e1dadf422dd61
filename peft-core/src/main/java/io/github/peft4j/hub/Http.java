package io.github.peft4j.hub;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Requests to the hub. Redirects are followed here and not by the JDK's client, which would send
 * the token along.
 */
final class Http {

  private static final Logger LOG = LoggerFactory.getLogger(Http.class);
  private static final Set<Integer> REDIRECTS = Set.of(301, 302, 303, 307, 308);
  private static final int MOST_REDIRECTS = 10;

  private final HubSettings settings;
  private final HttpClient client;

  Http(HubSettings settings) {
    this.settings = settings;
    this.client =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1) // a connection for each file is faster than one
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(settings.timeout())
            .build();
    if (settings.token() != null && !Endpoints.isPrivate(settings.endpoint())) {
      LOG.warn(
          "the token is not sent to {}: anybody on the way could read it; expected https",
          Endpoints.shown(settings.endpoint()));
    }
  }

  /** The longest time without a byte. */
  Duration timeout() {
    return settings.timeout();
  }

  /**
   * One attempt of a GET. The caller reads or closes the body.
   *
   * @throws IOException if no response comes
   * @throws HubException if it is redirected too often, or to an address that is not safe
   * @throws InterruptedException if the thread is interrupted
   */
  HttpResponse<Flow.Publisher<List<ByteBuffer>>> get(URI uri, Map<String, String> headers)
      throws IOException, InterruptedException {
    return send("GET", uri, headers, true);
  }

  /** One attempt of a HEAD, which stays on the endpoint: other hosts do not know the hub's hash. */
  HttpResponse<Flow.Publisher<List<ByteBuffer>>> head(URI uri)
      throws IOException, InterruptedException {
    HttpResponse<Flow.Publisher<List<ByteBuffer>>> response = send("HEAD", uri, Map.of(), false);
    new Body(response, settings.timeout()).close();
    return response;
  }

  private HttpResponse<Flow.Publisher<List<ByteBuffer>>> send(
      String method, URI uri, Map<String, String> headers, boolean anywhere)
      throws IOException, InterruptedException {
    URI at = uri;
    for (int redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
      HttpResponse<Flow.Publisher<List<ByteBuffer>>> response = exchange(method, at, headers);
      if (!REDIRECTS.contains(response.statusCode())) {
        return response;
      }
      URI next = target(at, response);
      if (!anywhere && !Endpoints.isSameOrigin(at, next)) {
        return response;
      }
      new Body(response, settings.timeout()).close();
      at = next;
    }
    throw new HubException(
        "%s redirects more than %d times: check HF_ENDPOINT and the proxy"
            .formatted(Endpoints.shown(uri), MOST_REDIRECTS));
  }

  private static URI target(URI from, HttpResponse<?> response) {
    String location = response.headers().firstValue("Location").orElse("");
    URI to;
    try {
      to = from.resolve(location);
      Endpoints.require(to);
    } catch (IllegalArgumentException e) {
      throw new HubException(
          Endpoints.shown(from) + " redirects to something that is no address of a server", e);
    }
    if (Endpoints.isHttps(from) && !Endpoints.isHttps(to)) {
      throw new HubException(
          "%s redirects to %s, which is not encrypted; expected https"
              .formatted(Endpoints.shown(from), Endpoints.shown(to)));
    }
    return to;
  }

  private HttpResponse<Flow.Publisher<List<ByteBuffer>>> exchange(
      String method, URI uri, Map<String, String> headers)
      throws IOException, InterruptedException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri)
            .method(method, HttpRequest.BodyPublishers.noBody())
            .header("User-Agent", "peft4j; java/" + Runtime.version().feature())
            .header("Accept-Encoding", "identity");
    headers.forEach(request::header);
    String token = settings.token();
    if (token != null
        && Endpoints.isSameOrigin(uri, settings.endpoint())
        && Endpoints.isPrivate(uri)) {
      request.header("Authorization", "Bearer " + token);
    }
    // The request's own timeout covers the body too from JDK 26 on, so it is not used.
    CompletableFuture<HttpResponse<Flow.Publisher<List<ByteBuffer>>>> answer =
        client.sendAsync(request.build(), HttpResponse.BodyHandlers.ofPublisher());
    try {
      return answer.get(2 * settings.timeout().toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      answer.cancel(true);
      throw new HttpTimeoutException(
          "no answer came for " + 2 * settings.timeout().toMillis() / 1000.0 + " seconds");
    } catch (InterruptedException e) {
      answer.cancel(true);
      throw e;
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException io ? io : new IOException(e.getCause());
    }
  }
}
