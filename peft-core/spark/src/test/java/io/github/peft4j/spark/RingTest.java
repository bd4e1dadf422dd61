package io.github.peft4j.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Sums and messages go round a ring of sockets. */
class RingTest {

  private static <T> List<T> each(int size, Function<Ring, T> work) throws IOException {
    List<Ring.Door> doors = new ArrayList<>();
    for (int i = 0; i < size; i++) {
      doors.add(Ring.Door.open("127.0.0.1"));
    }
    List<String> addresses = doors.stream().map(Ring.Door::address).toList();
    ExecutorService threads = Executors.newFixedThreadPool(size);
    try {
      List<CompletableFuture<T>> futures = new ArrayList<>();
      for (int i = 0; i < size; i++) {
        int rank = i;
        futures.add(
            CompletableFuture.supplyAsync(
                () -> {
                  try (Ring.Door door = doors.get(rank);
                      Ring ring = new Ring(door, rank, addresses, "secret", () -> {})) {
                    return work.apply(ring);
                  } catch (IOException e) {
                    throw new UncheckedIOException(e);
                  }
                },
                threads));
      }
      return futures.stream().map(CompletableFuture::join).toList();
    } finally {
      threads.shutdown();
    }
  }

  @ParameterizedTest
  @CsvSource({"1,5", "2,1", "2,100001", "3,2", "4,70000", "5,0"})
  void sumsHaveTheSameBitsEverywhere(int size, int length) throws IOException {
    float[][] given = new float[size][length];
    double[] expected = new double[length];
    Random random = new Random(1);
    for (float[] values : given) {
      for (int i = 0; i < length; i++) {
        values[i] = (float) random.nextGaussian();
        expected[i] += values[i];
      }
    }
    List<float[]> sums =
        each(
            size,
            ring -> {
              float[] values = given[ring.rank()].clone();
              ring.sum(values);
              ring.sum(values.clone());
              return values;
            });
    for (float[] sum : sums) {
      assertThat(sum).isEqualTo(sums.get(0));
      for (int i = 0; i < length; i++) {
        assertThat((double) sum[i])
            .isCloseTo(expected[i], org.assertj.core.api.Assertions.within(1e-5));
      }
    }
  }

  @Test
  void messagesComeInTheOrderOfRanks() throws IOException {
    for (List<String> texts :
        each(
            4,
            ring ->
                ring.gather("x".repeat(ring.rank()).getBytes(StandardCharsets.UTF_8)).stream()
                    .map(bytes -> new String(bytes, StandardCharsets.UTF_8))
                    .toList())) {
      assertThat(texts).containsExactly("", "x", "xx", "xxx");
    }
  }

  @Test
  void aLostNeighbourIsAnError() throws IOException {
    List<String> ends =
        each(
            3,
            ring -> {
              if (ring.rank() == 1) {
                return "left";
              }
              try {
                float[] values = new float[100_000];
                ring.sum(values);
                ring.sum(values);
                return "summed";
              } catch (UncheckedIOException e) {
                return e.getMessage();
              }
            });
    assertThat(ends.get(0)).contains("process 0 of 3 lost the connection");
    assertThat(ends.get(2)).contains("process 2 of 3 lost the connection");
  }

  @Test
  void aStrangerIsNotLetIn() throws IOException {
    try (Ring.Door door = Ring.Door.open("127.0.0.1");
        Socket stranger =
            new Socket(InetAddress.getLoopbackAddress(), door.server().getLocalPort())) {
      stranger.getOutputStream().write("secreT".getBytes(StandardCharsets.UTF_8));
      try (Ring ring = new Ring(door, 0, List.of(door.address()), "secret", () -> {})) {
        assertThat(ring.gather(new byte[] {7})).containsExactly(new byte[] {7});
      }
    }
  }

  /** A process that waits for nobody but a stranger would wait long. */
  @Test
  void silentStrangersHoldUpNobody() throws IOException {
    List<Socket> strangers = new ArrayList<>();
    try (Ring.Door door = Ring.Door.open("127.0.0.1")) {
      for (int i = 0; i < 40; i++) {
        Socket stranger = new Socket();
        strangers.add(stranger);
        stranger.connect(door.server().getLocalSocketAddress(), 5_000);
      }
      int[] checks = {0};
      try (Ring ring =
          new Ring(
              door,
              0,
              List.of(door.address()),
              "secret",
              () -> {
                if (++checks[0] > 100) {
                  throw new IllegalStateException("waits in vain");
                }
              })) {
        assertThat(ring.gather(new byte[] {7})).containsExactly(new byte[] {7});
      }
    } finally {
      for (Socket stranger : strangers) {
        stranger.close();
      }
    }
  }

  /** The next process takes nothing more, while the one before it goes on. */
  @Test
  void aProcessThatIsToEndDoesNotWaitForTheNextToTakeAll() throws IOException {
    float[] values = new float[1 << 23]; // a half is more than sockets hold
    AtomicBoolean ends = new AtomicBoolean();
    IllegalStateException end = new IllegalStateException("killed");
    try (Ring.Door door = Ring.Door.open("127.0.0.1");
        ServerSocket next = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        Socket neighbour = new Socket()) {
      CompletableFuture<Void> before =
          CompletableFuture.runAsync(
              () -> {
                try {
                  neighbour.connect(door.server().getLocalSocketAddress());
                  OutputStream out = neighbour.getOutputStream();
                  out.write("secret".getBytes(StandardCharsets.UTF_8));
                  out.write(new byte[4 * values.length / 2]);
                  ends.set(true);
                } catch (IOException e) {
                  throw new UncheckedIOException(e);
                }
              });
      try (Ring ring =
          new Ring(
              door,
              0,
              List.of(door.address(), "127.0.0.1:" + next.getLocalPort()),
              "secret",
              () -> {
                if (ends.get()) {
                  throw end;
                }
              })) {
        assertThatThrownBy(() -> ring.sum(values)).isSameAs(end);
        assertThat(ring.isBroken()).isFalse();
      }
      before.join();
    }
  }

  @Test
  void aProcessThatIsToEndDoesNotWait() throws IOException {
    RuntimeException end = new IllegalStateException("killed");
    try (Ring.Door door = Ring.Door.open("127.0.0.1");
        Ring.Door silent = Ring.Door.open("127.0.0.1")) {
      assertThatThrownBy(
              () ->
                  new Ring(
                      door,
                      0,
                      Arrays.asList(door.address(), silent.address()),
                      "secret",
                      () -> {
                        throw end;
                      }))
          .isSameAs(end);
    }
  }
}
