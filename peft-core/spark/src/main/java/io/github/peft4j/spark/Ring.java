package io.github.peft4j.spark;

import io.github.peft4j.train.parallel.Group;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Processes in a ring: each sends to the next one and receives from the one before it. A sum of n
 * numbers over N processes is a reduce-scatter and an all-gather of N pieces, so that each process
 * sends and receives 2 (N - 1) / N · n numbers, however many there are (Patarasuk and Yuan 2009).
 *
 * <p>The pieces are added in one order, and then handed on as bits: all have the same sums.
 */
final class Ring implements Group, AutoCloseable {

  /** How often a process that waits looks whether it is to end. */
  private static final int PATIENCE_MILLIS = 500;

  /** How often it looks whether one that has connected says the secret. */
  private static final int GLANCE_MILLIS = 5;

  /** How long one that connects may take to say the secret. */
  private static final long GREETING_NANOS = TimeUnit.SECONDS.toNanos(10);

  /** How many that have not said it yet are listened to at once. */
  private static final int GUESTS = 64;

  private static final Logger LOG = LoggerFactory.getLogger(Ring.class);

  private static final int BUFFER = 1 << 16;

  private final int rank;
  private final int size;
  private final Runnable check;
  private final Socket next;
  private final Socket previous;
  private final DataOutputStream out;
  private final InputStream in;
  private final ExecutorService sender;
  private boolean broken;

  /** Where a process can be reached: a server that waits for its predecessor. */
  record Door(ServerSocket server) implements AutoCloseable {

    /** Opens a port of this host. */
    static Door open(String host) throws IOException {
      return new Door(new ServerSocket(0, GUESTS, InetAddress.getByName(host)));
    }

    /** The address for the predecessor, {@code host:port}. */
    String address() {
      return server.getInetAddress().getHostAddress() + ":" + server.getLocalPort();
    }

    @Override
    public void close() throws IOException {
      server.close();
    }
  }

  /**
   * Joins the ring.
   *
   * @param addresses of all processes, by rank
   * @param secret what the predecessor has to say first
   * @param check throws if this process is to end. It is called again and again while it waits
   * @throws IOException if a neighbour cannot be reached
   */
  Ring(Door door, int rank, List<String> addresses, String secret, Runnable check)
      throws IOException {
    this.rank = rank;
    this.size = addresses.size();
    this.check = check;
    this.next = new Socket();
    String address = addresses.get((rank + 1) % size);
    int colon = address.lastIndexOf(':');
    byte[] word = secret.getBytes(StandardCharsets.UTF_8);
    try {
      connect(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)));
      next.setTcpNoDelay(true);
      next.setKeepAlive(true);
      this.out = new DataOutputStream(next.getOutputStream());
      out.write(word);
      this.previous = accept(door.server(), word);
      this.in = previous.getInputStream();
    } catch (IOException | RuntimeException e) {
      next.close();
      throw e;
    }
    this.sender =
        Executors.newSingleThreadExecutor(
            work -> {
              Thread thread = new Thread(work, "peft4j-ring-" + rank);
              thread.setDaemon(true);
              return thread;
            });
  }

  private void connect(String host, int port) throws IOException {
    try {
      next.connect(new InetSocketAddress(host, port), 60_000);
    } catch (IOException e) {
      throw new IOException(
          ("process %d of %d cannot reach the next one at %s:%d (%s); tasks talk to each other on"
                  + " free ports, which a firewall has to let through")
              .formatted(rank, size, host, port, e.getMessage()),
          e);
    }
  }

  /** One that came in and has not said the secret yet. */
  private record Guest(Socket socket, long since) {}

  /** Waits for the one that says the word. A stranger that is slow or silent holds up nobody. */
  private Socket accept(ServerSocket server, byte[] word) throws IOException {
    Deque<Guest> guests = new ArrayDeque<>();
    try {
      while (true) {
        check.run();
        server.setSoTimeout(guests.isEmpty() ? PATIENCE_MILLIS : GLANCE_MILLIS);
        next(server).ifPresent(socket -> guests.add(new Guest(socket, System.nanoTime())));
        if (guests.size() > GUESTS) {
          dismiss(guests.remove().socket());
        }
        for (Iterator<Guest> each = guests.iterator(); each.hasNext(); ) {
          Guest guest = each.next();
          Optional<Boolean> knows = says(guest, word);
          if (knows.isPresent()) {
            each.remove();
            if (knows.get()) {
              guest.socket().setSoTimeout(PATIENCE_MILLIS);
              guest.socket().setKeepAlive(true);
              return guest.socket();
            }
            dismiss(guest.socket());
          }
        }
      }
    } finally {
      guests.forEach(guest -> dismiss(guest.socket()));
    }
  }

  /** The next to come, or nothing if nobody came for a while. */
  private static Optional<Socket> next(ServerSocket server) throws IOException {
    try {
      return Optional.of(server.accept());
    } catch (SocketTimeoutException e) {
      return Optional.empty();
    }
  }

  /** Whether a guest knows the word, or nothing as long as it may still say it. */
  private static Optional<Boolean> says(Guest guest, byte[] word) {
    try {
      InputStream said = guest.socket().getInputStream();
      if (said.available() >= word.length) {
        return Optional.of(MessageDigest.isEqual(said.readNBytes(word.length), word));
      }
    } catch (IOException e) {
      return Optional.of(false);
    }
    return System.nanoTime() - guest.since() > GREETING_NANOS
        ? Optional.of(false)
        : Optional.empty();
  }

  private static void dismiss(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      LOG.debug("cannot close {}", socket, e);
    }
  }

  /** Whether a neighbour was lost. */
  boolean isBroken() {
    return broken;
  }

  @Override
  public int rank() {
    return rank;
  }

  @Override
  public int size() {
    return size;
  }

  @Override
  public void sum(float[] values) {
    if (size == 1) {
      return;
    }
    byte[] sent = new byte[BUFFER];
    byte[] received = new byte[BUFFER];
    guarded(
        () -> {
          for (int i = 0; i < size - 1; i++) {
            exchange(values, rank - i, rank - i - 1, true, sent, received);
          }
          for (int i = 0; i < size - 1; i++) {
            exchange(values, rank - i + 1, rank - i, false, sent, received);
          }
          return values;
        });
  }

  /** Sends a piece of the values and receives another, to add it or to take its place. */
  private void exchange(
      float[] values, int give, int take, boolean adds, byte[] sent, byte[] received)
      throws IOException {
    int from = start(give, values.length);
    int to = start(give, values.length) + length(give, values.length);
    Future<?> sending =
        sender.submit(
            () -> {
              ByteBuffer buffer = ByteBuffer.wrap(sent);
              for (int at = from; at < to; ) {
                int count = Math.min(BUFFER / 4, to - at);
                buffer.asFloatBuffer().put(values, at, count);
                out.write(sent, 0, 4 * count);
                at += count;
              }
              return null;
            });
    int end = start(take, values.length) + length(take, values.length);
    for (int at = start(take, values.length); at < end; ) {
      int count = Math.min(BUFFER / 4, end - at);
      readFully(in, received, 4 * count);
      ByteBuffer buffer = ByteBuffer.wrap(received);
      for (int i = 0; i < count; i++) {
        float value = buffer.getFloat();
        values[at + i] = adds ? values[at + i] + value : value;
      }
      at += count;
    }
    finish(sending);
  }

  private int start(int piece, int total) {
    return (int) ((long) total * Math.floorMod(piece, size) / size);
  }

  private int length(int piece, int total) {
    return (int) ((long) total * (Math.floorMod(piece, size) + 1) / size) - start(piece, total);
  }

  @Override
  public List<byte[]> gather(byte[] message) {
    byte[][] all = new byte[size][];
    all[rank] = message;
    guarded(
        () -> {
          for (int i = 0; i < size - 1; i++) {
            byte[] given = all[Math.floorMod(rank - i, size)];
            Future<?> sending =
                sender.submit(
                    () -> {
                      byte[] framed =
                          ByteBuffer.allocate(4 + given.length)
                              .putInt(given.length)
                              .put(given)
                              .array();
                      out.write(framed);
                      return null;
                    });
            byte[] head = new byte[4];
            readFully(in, head, 4);
            byte[] taken = new byte[ByteBuffer.wrap(head).getInt()];
            readFully(in, taken, taken.length);
            all[Math.floorMod(rank - i - 1, size)] = taken;
            finish(sending);
          }
          return all;
        });
    return Arrays.asList(all);
  }

  private interface Exchange {
    Object run() throws IOException;
  }

  private void guarded(Exchange exchange) {
    check.run();
    try {
      exchange.run();
    } catch (IOException e) {
      broken = true;
      throw new UncheckedIOException(
          "process %d of %d lost the connection to a neighbour, which has ended or cannot be reached: %s"
              .formatted(rank, size, e),
          e);
    }
  }

  private void readFully(InputStream from, byte[] bytes, int length) throws IOException {
    for (int at = 0; at < length; ) {
      try {
        int count = from.read(bytes, at, length - at);
        if (count < 0) {
          throw new EOFException("the process before it has closed the connection");
        }
        at += count;
      } catch (SocketTimeoutException e) {
        check.run(); // throws if this process is to end
      }
    }
  }

  private void finish(Future<?> sending) throws IOException {
    try {
      while (true) {
        try {
          sending.get(PATIENCE_MILLIS, TimeUnit.MILLISECONDS);
          return;
        } catch (TimeoutException e) {
          check.run(); // throws if this process is to end
        }
      }
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException io) {
        throw io;
      }
      throw new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while sending", e);
    }
  }

  @Override
  public void close() {
    sender.shutdownNow();
    dismiss(next);
    dismiss(previous);
  }
}
