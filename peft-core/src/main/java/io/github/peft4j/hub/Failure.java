package io.github.peft4j.hub;

import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.UnknownHostException;
import java.net.http.HttpHeaders;
import java.net.http.HttpTimeoutException;
import java.nio.channels.UnresolvedAddressException;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Something that went wrong and may go well the next time.
 *
 * @param retryAfter the wait that the server asks for, or zero
 * @param cause what the network said, or null
 */
record Failure(String message, Duration retryAfter, @Nullable Throwable cause) {

  private static final Set<Integer> PASSING = Set.of(408, 429, 500, 502, 503, 504);

  /** The hub's own header: {@code "api";r=0;t=55}, no requests left for 55 seconds. */
  private static final Pattern RATE_LIMIT =
      Pattern.compile("r\\s*=\\s*0\\s*;\\s*t\\s*=\\s*(\\d{1,9})");

  static Failure of(String message) {
    return new Failure(message, Duration.ZERO, null);
  }

  /** Nothing came, or the connection ended. */
  static Failure of(URI uri, IOException e) {
    String host = Endpoints.shown(uri.resolve("/"));
    String why =
        isUnreachable(e)
            ? "no connection: check the network, the proxy and HF_ENDPOINT"
            : e instanceof HttpTimeoutException && e.getMessage() != null
                ? e.getMessage()
                : "the connection failed: " + e;
    return new Failure(host + " cannot be reached: " + why, Duration.ZERO, e);
  }

  /** Whether there is no server of this name, or no way to it. */
  boolean isUnreachable() {
    return cause != null && isUnreachable(cause);
  }

  private static boolean isUnreachable(Throwable e) {
    return hasCause(e, UnknownHostException.class)
        || hasCause(e, UnresolvedAddressException.class)
        || hasCause(e, ConnectException.class);
  }

  private static boolean hasCause(Throwable e, Class<?> type) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (type.isInstance(cause)) {
        return true;
      }
    }
    return false;
  }

  static boolean isPassing(int status) {
    return PASSING.contains(status);
  }

  /** The server is busy, or fails. */
  static Failure of(URI uri, int status, HttpHeaders headers) {
    String meaning =
        status == 429 ? ", too many requests" : status == 408 ? "" : ", the server fails";
    return new Failure(
        Endpoints.shown(uri) + " answers " + status + meaning, retryAfter(headers), null);
  }

  private static Duration retryAfter(HttpHeaders headers) {
    Matcher limit = RATE_LIMIT.matcher(headers.firstValue("RateLimit").orElse(""));
    if (limit.find()) {
      return Duration.ofSeconds(Long.parseLong(limit.group(1)) + 1);
    }
    String value = headers.firstValue("Retry-After").orElse("").strip();
    if (value.matches("\\d{1,9}")) {
      return Duration.ofSeconds(Long.parseLong(value));
    }
    try {
      Instant until = ZonedDateTime.parse(value, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
      Duration wait = Duration.between(Instant.now(), until);
      return wait.isNegative() ? Duration.ZERO : wait;
    } catch (DateTimeException e) {
      return Duration.ZERO; // no such header, or a broken one: the usual wait
    }
  }
}
