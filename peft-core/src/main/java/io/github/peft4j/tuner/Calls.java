package io.github.peft4j.tuner;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The running calls of a model and the resources that each of them uses. Any number of calls can
 * share a resource (an adapter or the model itself). One call can own it exclusively to change it.
 * A retired resource is freed when the last call that uses it ends.
 *
 * <p>A call gets all its resources at once or waits for all of them, in the order of arrival, so
 * that no call waits forever. A call within another call of the same thread does not queue after
 * calls that wait for the outer one. A call that would have to wait for its own thread is refused.
 * A thread may work for another one that waits for it: see {@link #workFor}.
 */
public final class Calls {

  private static final ThreadLocal<@Nullable Thread> WORKS_FOR = new ThreadLocal<>();

  private final List<Call> running = new ArrayList<>();
  private final List<Call> waiting = new ArrayList<>();
  private final List<Hold> holds = new ArrayList<>();
  private Runnable onChange = () -> {};

  /**
   * Something that calls use. It is freed after it has been retired and no call uses it any more.
   */
  public static final class Resource {

    private final String name;
    private final Runnable free;
    private volatile boolean retired;
    private boolean freed;

    private Resource(String name, Runnable free) {
      this.name = name;
      this.free = free;
    }

    /** Whether new calls are refused. */
    public boolean isRetired() {
      return retired;
    }

    @Override
    public String toString() {
      return name;
    }
  }

  /** The work of a thread for another one. */
  public static final class Work implements AutoCloseable {

    private Work() {}

    @Override
    public void close() {
      WORKS_FOR.remove();
    }
  }

  /**
   * Lets calls of this thread be those of another one until this is closed. It may use what that
   * one owns, and does not queue after calls that wait for it: the two would wait for each other.
   *
   * @param waiting the thread that waits until this is closed
   */
  public static Work workFor(Thread waiting) {
    WORKS_FOR.set(waiting);
    return new Work();
  }

  private static Thread thisThread() {
    Thread other = WORKS_FOR.get();
    return other == null ? Thread.currentThread() : other;
  }

  /** A call, from its start to its end. */
  public final class Call implements AutoCloseable {

    private final Set<Resource> used;
    private final @Nullable Resource owned;
    private final @Nullable Thread thread;

    private Call(Set<Resource> used, @Nullable Resource owned, @Nullable Thread thread) {
      this.used = used;
      this.owned = owned;
      this.thread = thread;
    }

    private boolean excludes(Call other) {
      return other != this && (other.isExcludedBy(this) || isExcludedBy(other));
    }

    private boolean isExcludedBy(Call other) {
      return other.owned != null && touches(other.owned);
    }

    private boolean touches(Resource resource) {
      return resource == owned || used.contains(resource);
    }

    private boolean isOfThisThread() {
      return thread == thisThread();
    }

    private Stream<Resource> all() {
      return owned == null ? used.stream() : Stream.concat(used.stream(), Stream.of(owned));
    }

    /** Ends the call; any thread may do so. */
    @Override
    public void close() {
      List<Resource> free;
      synchronized (Calls.this) {
        if (!running.remove(this)) {
          return;
        }
        Calls.this.notifyAll();
        free = all().filter(Calls.this::isToBeFreed).toList();
      }
      free.forEach(resource -> resource.free.run());
    }
  }

  /**
   * Creates a resource of this model's calls.
   *
   * @param name for messages
   * @param free frees it
   */
  public Resource resource(String name, Runnable free) {
    return new Resource(name, free);
  }

  /**
   * Sets what is done when a call that owns a resource has begun, before it changes anything, and
   * when a resource has been retired.
   */
  public void onChange(Runnable action) {
    onChange = action;
  }

  /**
   * Starts a call of this thread that shares resources.
   *
   * @return empty if a resource is retired
   */
  public Optional<Call> use(Collection<Resource> used) {
    return begin(new Call(Set.copyOf(used), null, thisThread()), "compute");
  }

  /**
   * Keeps resources from being freed until the hold is closed. Calls may own them meanwhile.
   *
   * @return empty if a resource is retired
   */
  public synchronized Optional<Hold> hold(Collection<Resource> held) {
    if (held.stream().anyMatch(Resource::isRetired)) {
      return Optional.empty();
    }
    Hold hold = new Hold(Set.copyOf(held));
    holds.add(hold);
    return Optional.of(hold);
  }

  /** Resources that are kept from being freed. */
  public final class Hold implements AutoCloseable {

    private final Set<Resource> held;

    private Hold(Set<Resource> held) {
      this.held = held;
    }

    @Override
    public void close() {
      List<Resource> free;
      synchronized (Calls.this) {
        holds.remove(this);
        free = held.stream().filter(Calls.this::isToBeFreed).toList();
      }
      free.forEach(resource -> resource.free.run());
    }
  }

  /**
   * Starts a call of this thread that owns one resource exclusively and shares others.
   *
   * @param purpose for messages: {@code train adapter 'a'}
   * @return empty if a resource is retired
   * @throws IllegalStateException if another call of this thread uses it
   */
  public Optional<Call> own(Resource owned, Collection<Resource> used, String purpose) {
    Optional<Call> alone = begin(new Call(Set.copyOf(used), owned, thisThread()), purpose);
    if (alone.isPresent()) {
      onChange.run();
    }
    return alone;
  }

  private synchronized Optional<Call> begin(Call call, String purpose) {
    boolean nested = running.stream().anyMatch(Call::isOfThisThread);
    if (nested) {
      requireNotItself(call, purpose);
    }
    waiting.add(call);
    boolean interrupted = false;
    try {
      while (call.all().noneMatch(Resource::isRetired) && mustWait(call, nested)) {
        try {
          wait();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (call.all().anyMatch(Resource::isRetired)) {
        return Optional.empty();
      }
      running.add(call);
      return Optional.of(call);
    } finally {
      waiting.remove(call);
      notifyAll();
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private boolean mustWait(Call call, boolean nested) {
    return running.stream().anyMatch(other -> !other.isOfThisThread() && call.excludes(other))
        || (!nested && waiting.stream().takeWhile(other -> other != call).anyMatch(call::excludes));
  }

  /** A thread may use what it owns, but it cannot own what it uses: it would wait for itself. */
  private void requireNotItself(Call call, String purpose) {
    Resource owned = call.owned;
    if (owned != null
        && running.stream()
            .anyMatch(c -> c.isOfThisThread() && c.all().anyMatch(r -> r == owned))) {
      throw new IllegalStateException(
          "cannot "
              + purpose
              + " within a call of this thread that uses "
              + owned
              + ", as it would wait for itself; do it when the call has ended");
    }
  }

  /**
   * Refuses new calls of a resource and frees it when the last running one has ended. Does not
   * wait.
   */
  public void retire(Resource resource) {
    boolean free;
    synchronized (this) {
      resource.retired = true;
      notifyAll();
      free = isToBeFreed(resource);
    }
    onChange.run();
    if (free) {
      resource.free.run();
    }
  }

  /**
   * Waits until no call uses a resource, then retires it.
   *
   * @param purpose for messages
   * @throws IllegalStateException if a call of this thread uses it
   */
  public void retire(Resource resource, String purpose) {
    Optional<Call> alone = own(resource, Set.of(), purpose);
    alone.ifPresent(
        call -> {
          retire(resource);
          call.close();
        });
  }

  private boolean isToBeFreed(Resource resource) {
    boolean last =
        resource.retired
            && !resource.freed
            && running.stream().noneMatch(call -> call.all().anyMatch(r -> r == resource))
            && holds.stream().noneMatch(hold -> hold.held.contains(resource));
    resource.freed |= last;
    return last;
  }

  @Override
  public synchronized String toString() {
    return running.stream()
        .map(call -> call.all().map(Resource::toString).collect(Collectors.joining(", ")))
        .collect(Collectors.joining("; "));
  }
}
