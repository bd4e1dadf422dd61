package io.github.peft4j.hub;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpHeaders;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Flow;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The download of one file. A broken one goes on where it ended, now or in a later process. */
final class FileDownload {

  private static final Logger LOG = LoggerFactory.getLogger(FileDownload.class);
  private static final Pattern RANGE = Pattern.compile("bytes (\\d{1,18})-\\d+/(\\d{1,18})");
  private static final int MOST_WRONG_CONTENTS = 2;

  private final RemoteFile file;
  private final URI uri;
  private final Http http;
  private final HubErrors errors;
  private final Retry retry;
  private final Progress progress;

  FileDownload(
      RemoteFile file, URI uri, Http http, HubErrors errors, Retry retry, Progress progress) {
    this.file = file;
    this.uri = uri;
    this.http = http;
    this.errors = errors;
    this.retry = retry;
    this.progress = progress;
  }

  /**
   * Downloads what is missing.
   *
   * @throws HubException if the server fails too often without any progress, or if the file is not
   *     what the repository lists
   */
  void into(PartialFile part) throws InterruptedException {
    String what = errors.id() + ": " + file.name();
    int failures = 0;
    int wrong = 0;
    long furthest = part.length();
    if (furthest > 0) {
      LOG.info("{}: going on after {} of {} bytes", what, furthest, file.size());
      progress.add(furthest);
    }
    while (true) {
      Failure failure = part.length() < file.size() ? transfer(part) : null;
      if (part.length() > furthest) {
        furthest = part.length();
        failures = 0;
      }
      if (part.length() == file.size()) {
        String found = part.contentHash();
        if (found.equals(file.hash().expected())) {
          return;
        }
        failure = wrongContent(found);
        restart(part);
        wrong++;
        if (wrong >= MOST_WRONG_CONTENTS) {
          throw errors.error(file.name() + ": " + failure.message());
        }
      }
      failures++;
      Failure why = failure == null ? Failure.of("it is not complete") : failure;
      LOG.debug("{}: {}", what, why.message());
      retry.pause(what, failures, why);
    }
  }

  private Failure wrongContent(String found) {
    return Failure.of(
        "the content has the %s %s; expected %s: something on the way changes it"
            .formatted(file.hash().algorithm(), found, file.hash().expected()));
  }

  private void restart(PartialFile part) {
    progress.add(-part.length());
    part.restart();
  }

  /** One request. Returns why it did not bring the rest of the file, or null. */
  private @Nullable Failure transfer(PartialFile part) throws InterruptedException {
    long start = part.length();
    try {
      HttpResponse<Flow.Publisher<List<ByteBuffer>>> response =
          http.get(uri, start == 0 ? Map.of() : Map.of("Range", "bytes=" + start + "-"));
      try (Body body = new Body(response, http.timeout())) {
        int status = response.statusCode();
        if (Failure.isPassing(status)) {
          return Failure.of(response.uri(), status, response.headers());
        }
        if (status == 416 || (status == 206 && !isRest(response.headers(), start))) {
          restart(part);
          return Failure.of("the server does not send the rest of the file");
        }
        if (status != 200 && status != 206) {
          throw errors.of(response.uri(), status, response.headers());
        }
        if (status == 200 && start > 0) {
          restart(part); // a server without ranges sends all of it
        }
        Optional<Failure> length = otherLength(response.headers(), part.length());
        return length.isPresent() ? length.get() : receive(body, part);
      }
    } catch (IOException e) {
      return Failure.of(uri, e);
    }
  }

  private boolean isRest(HttpHeaders headers, long start) {
    Matcher range = RANGE.matcher(headers.firstValue("Content-Range").orElse(""));
    return range.matches()
        && Long.parseLong(range.group(1)) == start
        && Long.parseLong(range.group(2)) == file.size();
  }

  private Optional<Failure> otherLength(HttpHeaders headers, long start) {
    long rest = file.size() - start;
    return headers.firstValueAsLong("Content-Length").stream()
        .filter(length -> length != rest)
        .mapToObj(
            length -> Failure.of("the server sends %d bytes; expected %d".formatted(length, rest)))
        .findFirst();
  }

  private @Nullable Failure receive(Body body, PartialFile part)
      throws IOException, InterruptedException {
    for (List<ByteBuffer> piece = body.next(); piece != null; piece = body.next()) {
      for (ByteBuffer bytes : piece) {
        long count = bytes.remaining();
        if (part.length() + count > file.size()) {
          restart(part);
          return Failure.of("the server sends more than the %d bytes".formatted(file.size()));
        }
        part.write(bytes);
        progress.add(count);
      }
    }
    return part.length() < file.size()
        ? Failure.of("it ended after %d of %d bytes".formatted(part.length(), file.size()))
        : null;
  }
}
