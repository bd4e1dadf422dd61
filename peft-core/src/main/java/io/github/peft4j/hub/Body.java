package io.github.peft4j.hub;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The body of a response, read piece by piece. A piece that does not come in time is an error: the
 * JDK's own streams wait for ever.
 */
final class Body implements AutoCloseable {

  /** The network may be this many pieces, of 16 kB each, ahead of the writing. */
  private static final int AHEAD = 64;

  private final Duration timeout;
  private final Pieces pieces = new Pieces();

  /** Starts to read; the connection is free again when the body is at its end or closed. */
  Body(HttpResponse<Flow.Publisher<List<ByteBuffer>>> response, Duration timeout) {
    this.timeout = timeout;
    response.body().subscribe(pieces);
  }

  /**
   * The next piece, or null at the end.
   *
   * @throws HttpTimeoutException if nothing comes in time
   * @throws IOException if the connection breaks, or the body is shorter than the response says
   * @throws InterruptedException if the thread is interrupted
   */
  @Nullable List<ByteBuffer> next() throws IOException, InterruptedException {
    Event event = pieces.events.poll(timeout.toMillis(), TimeUnit.MILLISECONDS);
    if (event == null) {
      throw new HttpTimeoutException(
          "no byte came for " + timeout.toMillis() / 1000.0 + " seconds");
    }
    if (event.failure() != null) {
      throw new IOException(event.failure().getMessage(), event.failure());
    }
    if (event.piece() != null) {
      pieces.request();
    }
    return event.piece();
  }

  /** The whole body as text, of at most this many bytes. */
  String text(int most) throws IOException, InterruptedException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (List<ByteBuffer> piece = next(); piece != null; piece = next()) {
      for (ByteBuffer buffer : piece) {
        byte[] content = new byte[buffer.remaining()];
        buffer.get(content);
        bytes.write(content);
      }
      if (bytes.size() > most) {
        throw new IOException("the answer has more than " + most + " bytes");
      }
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Override
  public void close() {
    pieces.cancel();
  }

  /** A piece or a failure; the other is null. At the end both are null. */
  private record Event(@Nullable List<ByteBuffer> piece, @Nullable Throwable failure) {}

  private static final class Pieces implements Flow.Subscriber<List<ByteBuffer>> {
    private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
    private Flow.@Nullable Subscription subscription;
    private boolean cancelled;

    @Override
    public synchronized void onSubscribe(Flow.Subscription subscription) {
      this.subscription = subscription;
      if (cancelled) {
        subscription.cancel();
      } else {
        subscription.request(AHEAD);
      }
    }

    @Override
    public void onNext(List<ByteBuffer> piece) {
      events.add(new Event(piece, null));
    }

    @Override
    public void onError(Throwable failure) {
      events.add(new Event(null, failure));
    }

    @Override
    public void onComplete() {
      events.add(new Event(null, null));
    }

    synchronized void request() {
      if (subscription != null) {
        subscription.request(1);
      }
    }

    synchronized void cancel() {
      cancelled = true;
      if (subscription != null) {
        subscription.cancel();
      }
    }
  }
}
