package io.github.peft4j.tuner;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class CallsTest {

  private final Calls calls = new Calls();
  private final List<String> freed = Collections.synchronizedList(new ArrayList<>());
  private final Calls.Resource a = calls.resource("a", () -> freed.add("a"));
  private final Calls.Resource b = calls.resource("b", () -> freed.add("b"));

  private Calls.Call use(Calls.Resource... used) {
    return calls.use(List.of(used)).orElseThrow();
  }

  private static <T> CompletableFuture<T> elsewhere(Supplier<T> code) {
    CompletableFuture<T> result = new CompletableFuture<>();
    Thread thread = new Thread(() -> result.complete(code.get()));
    thread.setDaemon(true);
    thread.start();
    return result;
  }

  private static void assertWaits(CompletableFuture<?> future) throws Exception {
    try {
      future.get(100, TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      return;
    }
    throw new AssertionError("it did not wait");
  }

  @Test
  void whatIsRetiredIsFreedByTheLastCall() {
    Calls.Call first = use(a, b);
    Calls.Call second = use(a);
    calls.retire(a);
    assertThat(calls.use(List.of(a))).isEmpty();
    first.close();
    first.close();
    assertThat(freed).isEmpty();
    second.close();
    assertThat(freed).containsExactly("a");
    calls.retire(b);
    calls.retire(b);
    assertThat(freed).containsExactly("a", "b");
  }

  @Test
  void aHoldKeepsFromFreeingButNotFromOwning() {
    Calls.Hold hold = calls.hold(List.of(a)).orElseThrow();
    calls.own(a, List.of(), "change a").orElseThrow().close();
    calls.retire(a);
    assertThat(freed).isEmpty();
    hold.close();
    assertThat(freed).containsExactly("a");
  }

  @Test
  void anOwnerWaitsForUsersAndUsersForAnOwner() throws Exception {
    Calls.Call user = use(a);
    CompletableFuture<Calls.Call> owner =
        elsewhere(() -> calls.own(a, List.of(b), "change a").orElseThrow());
    assertWaits(owner);
    CompletableFuture<Calls.Call> later = elsewhere(() -> use(a)); // comes after the owner
    assertWaits(later);
    elsewhere(() -> use(b)).get().close(); // has nothing to do with it
    use(a).close(); // within a call of this thread
    user.close();
    Calls.Call owned = owner.get();
    assertWaits(later);
    owned.close();
    later.get().close();
  }

  @Test
  void usersAreServedBetweenTheStepsOfAnOwner() throws Exception {
    CompletableFuture<Integer> steps =
        elsewhere(
            () -> {
              for (int i = 0; i < 200; i++) {
                calls.own(a, List.of(), "train a").orElseThrow().close();
              }
              return 200;
            });
    for (int i = 0; i < 200; i++) {
      use(a, b).close();
    }
    assertThat(steps.get()).isEqualTo(200);
  }

  /** A step's parts on other devices, whose objective asks the model that is in training. */
  @Test
  void whoWorksForAnOwnerIsServedWithinItsCall() throws Exception {
    Thread owner = Thread.currentThread();
    try (Calls.Call owned = calls.own(a, List.of(b), "train a").orElseThrow()) {
      CompletableFuture<Calls.Call> later =
          elsewhere(() -> calls.own(b, List.of(), "change b").orElseThrow());
      assertWaits(later);
      elsewhere(
              () -> {
                try (Calls.Work work = Calls.workFor(owner);
                    Calls.Call both = use(a, b)) {
                  assertThatThrownBy(() -> calls.own(a, List.of(), "train a"))
                      .hasMessageContaining("wait for itself");
                  return true;
                }
              })
          .get();
      assertWaits(later);
      owned.close();
      later.get().close();
    }
  }

  @Test
  void nobodyWaitsForHimself() {
    try (Calls.Call user = use(a)) {
      assertThatThrownBy(() -> calls.own(a, List.of(), "train a"))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("cannot train a within a call of this thread that uses a");
      assertThatThrownBy(() -> calls.retire(a, "close a")).hasMessageContaining("wait for itself");
    }
    try (Calls.Call owner = calls.own(a, List.of(b), "train a").orElseThrow()) {
      use(a, b).close();
    }
    calls.retire(a, "close a");
    assertThat(freed).containsExactly("a");
  }

  @Test
  void whoWaitedForWhatIsGoneIsToldSo() throws Exception {
    Calls.Call owner = calls.own(a, List.of(), "change a").orElseThrow();
    CompletableFuture<Boolean> gone = elsewhere(() -> calls.use(List.of(a)).isEmpty());
    assertWaits(gone);
    calls.retire(a);
    owner.close();
    assertThat(gone.get()).isTrue();
    assertThat(freed).containsExactly("a");
  }
}
