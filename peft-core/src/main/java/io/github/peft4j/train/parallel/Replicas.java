package io.github.peft4j.train.parallel;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import io.github.peft4j.AdapterTraining;
import io.github.peft4j.TextModel;
import io.github.peft4j.advice.AdvisedException;
import io.github.peft4j.kernel.OutOfDeviceMemoryException;
import io.github.peft4j.kernel.RandomState;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.optimizer.Gradients;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.tuner.Calls;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The replicas of a training, one for each device. The first is the user's own model, and runs on
 * the thread that calls; each of the others has a thread of its own.
 *
 * <p>A step is the one that a single device would make of the same parts. Each part is computed by
 * one replica, with the random numbers of the part. The gradients are added up on the first device,
 * in the order of the devices, and handed out; then each replica makes the same update.
 */
public final class Replicas implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Replicas.class);

  private final Replica first;
  private final Members members;
  private final boolean summed;
  private final List<Other> others = new ArrayList<>();

  /** Whether one replica has failed in what all of them do now. */
  private volatile boolean failing;

  /** The tensors that gradients of this step have reached in any process, by their index. */
  private BitSet everywhere = new BitSet();

  /** A replica beside the first, with its thread. */
  private record Other(Replica replica, ExecutorService thread) {}

  /** Creates replicas of a training that no other process takes part in. */
  public Replicas(
      AdapterTraining training, List<Device> more, ReplicaSettings settings, int total) {
    this(training, more, Group.ALONE, true, settings, total);
  }

  /**
   * Creates replicas.
   *
   * @param training of the user's model, on the first device. It stays open when this is closed
   * @param more the other devices. Each gets a copy of the model
   * @param group the processes of the training
   * @param summed whether gradients are summed over the group, and not over this process alone
   * @param total the number of steps of the training
   * @throws IllegalStateException if the model cannot be copied; the message says why
   * @throws IllegalArgumentException if the method's steps have to run on one device
   */
  public Replicas(
      AdapterTraining training,
      List<Device> more,
      Group group,
      boolean summed,
      ReplicaSettings settings,
      int total) {
    this.first = new Replica(training, settings);
    this.members = new Members(group);
    this.summed = summed;
    try {
      if (!more.isEmpty() || !members.isAlone()) {
        requireSeveral(training);
      }
      if (!summed) {
        requireMeans();
      }
      for (Device device : more) {
        LOG.info("copying the model to {}, for the time of the training", device);
        add(training.copy(device), settings);
      }
      others.forEach(other -> follow(other.replica(), 0, total));
    } catch (RuntimeException | OutOfMemoryError e) {
      close();
      throw e;
    }
  }

  private void requireSeveral(AdapterTraining training) {
    if (!training.base().homes().isSingle()) {
      throw new IllegalArgumentException(
          "the layers of the model are spread over devices, or wait on the host (%s): such a model is trained as one, without on(…); or load it on one device"
              .formatted(training.base().homes()));
    }
    first
        .listener()
        .whyOneDevice()
        .ifPresent(
            why -> {
              throw new IllegalArgumentException(
                  training.adapter() + " cannot be trained on several devices: " + why);
            });
  }

  /** All that a step changes is averaged. */
  private void requireMeans() {
    first
        .tensors()
        .all()
        .forEach(
            (name, tensor) -> {
              if (!tensor.getDataType().isFloating()) {
                throw new IllegalArgumentException(
                    "averageEvery: %s has codes or other whole numbers (%s), which have no mean: take an optimizer with moments in 32 bits, or leave averageEvery out, which sums gradients at each step"
                        .formatted(name, tensor.getDataType()));
              }
            });
  }

  private void add(AdapterTraining copy, ReplicaSettings settings) {
    try {
      String name = "peft4j-training-" + copy.base().device() + "-" + (others.size() + 1);
      others.add(
          new Other(
              new Replica(copy, settings),
              Executors.newSingleThreadExecutor(
                  work -> {
                    Thread thread = new Thread(work, name);
                    thread.setDaemon(true);
                    return thread;
                  })));
    } catch (RuntimeException | OutOfMemoryError e) {
      copy.close();
      throw e;
    }
  }

  /** The replica of the user's model. */
  public Replica first() {
    return first;
  }

  /** The number of replicas of this process. */
  public int size() {
    return 1 + others.size();
  }

  /** The number of replicas of all processes of the training, all processes alike. */
  public int workers() {
    return size() * members.size();
  }

  /** What the processes of the training tell each other. */
  public Members members() {
    return members;
  }

  /**
   * The part of the sum that divides the loss of a part: with gradients that are summed over all
   * processes, the units of all parts; otherwise those of this process.
   *
   * @param units of each part
   */
  public double divisor(double[] units) {
    return IntStream.range(0, units.length)
        .filter(i -> summed || isHere(i))
        .mapToDouble(i -> units[i])
        .sum();
  }

  /** Parts are dealt round over the replicas of all processes. */
  private boolean isHere(int part) {
    return part % workers() / size() == members.rank();
  }

  /**
   * Computes the gradients of parts. They are dealt round: part i to replica i modulo n, where the
   * replicas of the first process are counted first, then those of the second, and so on.
   *
   * @param scale factor of each label's loss in the gradient
   * @return the results in the order of the parts
   */
  public List<Backpropagation.Result> backpropagate(List<Part> parts, double scale) {
    Backpropagation.Result[] results = new Backpropagation.Result[parts.size()];
    List<Replica> all = all();
    int workers = workers();
    each(
        replica -> {
          int worker = members.rank() * all.size() + all.indexOf(replica);
          if (worker >= parts.size()) {
            replica.prepare();
          }
          for (int i = worker; i < parts.size() && !failing; i += workers) {
            try (Scope scope = new Scope()) {
              results[i] = replica.backpropagate(parts.get(i), scale);
            }
          }
          return results;
        });
    return members.isAlone() ? Arrays.asList(results) : ofAll(results);
  }

  private List<Backpropagation.Result> ofAll(Backpropagation.Result[] results) {
    Map<Integer, Backpropagation.Result> here = new TreeMap<>();
    for (int i = 0; i < results.length; i++) {
      if (results[i] != null) {
        here.put(i, results[i]);
      }
    }
    Members.Parts parts = members.together(new Members.Parts(reached(), here));
    everywhere = parts.reached();
    return List.copyOf(parts.results().values());
  }

  private BitSet reached() {
    BitSet reached = new BitSet();
    all().forEach(replica -> reached.or(replica.gradients().reached()));
    return reached;
  }

  /**
   * Computes a part on each device, as if it were a step's. It leaves gradients.
   *
   * @param scale factor of each label's loss in the gradient
   */
  public void tryOut(Part part, double scale) {
    each(
        replica -> {
          try (Scope scope = new Scope()) {
            return replica.backpropagate(part, scale);
          }
        });
  }

  /** Lets all replicas measure what is trained. Their tensors should be the same. */
  public void measure(BiConsumer<TextModel, Objective> work) {
    each(
        replica -> {
          work.accept(replica.training(), replica.objective());
          return replica;
        });
  }

  /**
   * Ends the gradients of a step: adds up those of the replicas, adds that of the penalties, and
   * gives the sum to each replica.
   *
   * @param scale factor of the penalties' gradient
   * @return the sum of the penalties
   */
  public double share(double scale) {
    if (others.isEmpty() && members.isAlone()) {
      return first.penalty(scale);
    }
    addUp();
    if (!members.isAlone()) {
      first.gradients().reach(everywhere);
      if (summed) {
        sumOverMembers();
      }
    }
    double penalty = first.penalty(scale);
    handOut();
    return penalty;
  }

  private void addUp() {
    BitSet reached = reached();
    all().forEach(replica -> replica.gradients().reach(reached));
    if (reached.isEmpty()) {
      return;
    }
    for (Other other : others) {
      try (Scope scope = new Scope()) {
        first.gradients().add(on(first, other.replica().gradients().flat()));
      }
    }
  }

  private void sumOverMembers() {
    Gradients gradients = first.gradients();
    if (everywhere.isEmpty()) {
      return;
    }
    try (Scope scope = new Scope()) {
      NDArray own = gradients.flat();
      float[] values = Tensors.floats(own);
      members.sum(values);
      try (NDArray sum = own.getManager().create(values)) {
        gradients.set(sum);
      }
    }
  }

  private void handOut() {
    BitSet reached = first.gradients().reached();
    if (reached.isEmpty()) {
      return;
    }
    try (Scope scope = new Scope()) {
      NDArray sum = first.gradients().flat();
      for (Other other : others) {
        Gradients gradients = other.replica().gradients();
        gradients.reach(reached);
        gradients.set(on(other.replica(), sum));
      }
    }
  }

  private static NDArray on(Replica replica, NDArray array) {
    return array.toDevice(replica.model().device(), false);
  }

  /**
   * Sets all replicas to the tensors after a step.
   *
   * @param values sets those of the first replica
   * @param step the number of steps done
   * @param total the number of steps of the training
   */
  public void restore(Consumer<TrainedTensors> values, int step, int total) {
    values.accept(first.tensors());
    first.listener().resumed(step, total);
    others.forEach(other -> follow(other.replica(), step, total));
  }

  /** Gives a replica what the first one has, also of an earlier training. */
  private void follow(Replica replica, int step, int total) {
    replica.tensors().copyFrom(first.tensors());
    replica.listener().resumed(step, total);
  }

  /** Replaces the tensors by their means over the processes of the training. */
  public void average() {
    float[] values = first.tensors().flat();
    members.average(values);
    first.tensors().setFlat(values);
    others.forEach(other -> other.replica().tensors().copyFrom(first.tensors()));
  }

  /**
   * Gives the replicas the tensors of the first one if they have others. The same update makes the
   * same tensors, unless a kernel adds in an order of its own or GPUs are of several kinds.
   *
   * @param step the number of steps done
   * @param total the number of steps of the training
   */
  public void bringTogether(int step, int total) {
    for (Other other : others) {
      if (!other.replica().tensors().isLike(first.tensors())) {
        LOG.warn(
            "after step {}, the tensors of {} differ from those of {}, from which they are copied"
                + " now. Updates should be the same on both: take GPUs of one kind, and kernels that"
                + " add in one order",
            step,
            other.replica(),
            first);
        follow(other.replica(), step, total);
      }
    }
  }

  /** Whether all replicas have the same tensors, bit by bit. It reads them all. */
  public boolean areAlike() {
    return others.stream().allMatch(other -> other.replica().tensors().isLike(first.tensors()));
  }

  /**
   * Sets the gradients of all replicas to zero. What a method keeps beside them stays, so that no
   * further step may follow.
   */
  public void clearGradients() {
    all().forEach(replica -> replica.gradients().clear());
  }

  /**
   * Forgets what passes have left since the last update, gradients included.
   *
   * @param step the number of steps done
   * @param total the number of steps of the training
   */
  public void forget(int step, int total) {
    clearGradients();
    all().forEach(replica -> replica.listener().resumed(step, total));
  }

  /**
   * Frees the memory of CUDA graphs on all devices. There are none from here on.
   *
   * @return whether there were any
   */
  public boolean giveGraphsUp() {
    return all().stream().filter(Replica::giveGraphsUp).count() > 0;
  }

  private List<Replica> all() {
    return Stream.concat(Stream.of(first), others.stream().map(Other::replica)).toList();
  }

  /**
   * Lets each replica do something, all at once.
   *
   * @return the result of the first
   * @throws RuntimeException that of the first replica that failed, with the name of its device if
   *     there are several. All have ended then
   */
  public <R> R each(Function<Replica, R> work) {
    if (others.isEmpty()) {
      return work.apply(first);
    }
    failing = false;
    Thread waiting = Thread.currentThread();
    List<CompletableFuture<R>> running =
        others.stream()
            .map(
                other ->
                    CompletableFuture.supplyAsync(
                        () -> {
                          try (Calls.Work own = Calls.workFor(waiting)) {
                            return onItsDevice(other.replica(), work);
                          }
                        },
                        other.thread()))
            .toList();
    List<Supplier<R>> results = new ArrayList<>();
    results.add(() -> onItsDevice(first, work));
    running.forEach(future -> results.add(() -> joined(future)));
    return outcome(results);
  }

  /** The first of results, when all are there. */
  private static <R> R outcome(List<Supplier<R>> results) {
    List<R> values = new ArrayList<>();
    Throwable failure = null;
    for (Supplier<R> result : results) {
      try {
        values.add(result.get());
      } catch (RuntimeException | Error e) {
        if (failure == null) {
          failure = e;
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure instanceof Error error) {
      throw error;
    } else if (failure instanceof RuntimeException exception) {
      throw exception;
    }
    return values.get(0);
  }

  private static <R> R joined(CompletableFuture<R> future) {
    try {
      return future.join();
    } catch (CompletionException e) {
      Throwable cause = e.getCause();
      if (cause instanceof Error error) {
        throw error;
      }
      throw cause instanceof RuntimeException exception ? exception : e;
    }
  }

  /** Other threads may draw on other devices meanwhile. */
  private <R> R onItsDevice(Replica replica, Function<Replica, R> work) {
    try (RandomState.Only only = RandomState.only(replica.model().device())) {
      return work.apply(replica);
    } catch (RuntimeException e) {
      failing = true;
      throw named(replica, e);
    } catch (Error e) {
      failing = true;
      throw e;
    }
  }

  private RuntimeException named(Replica replica, RuntimeException e) {
    if (e instanceof OutOfDeviceMemoryException) {
      return e; // which is waited for
    }
    String place = "%s, one of %d devices".formatted(replica, size());
    if (e instanceof IllegalArgumentException) {
      return AdvisedException.at(place, e);
    }
    String message = place + ": " + e.getMessage();
    return e instanceof EngineException
        ? new EngineException(message, e)
        : new IllegalStateException(message, e);
  }

  /** Frees the copies. The user's model and its training stay open. */
  @Override
  public void close() {
    for (Other other : others) {
      other.thread().shutdown();
      other.replica().close();
      other.replica().training().close();
    }
    first.close();
  }
}
