package io.github.peft4j.kernel;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.peft4j.kernel.cuda.Generators;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A lock on PyTorch's random generators, of which a process has one for each device. Code that
 * draws from a seed holds it until it is done, so that no other thread draws in between.
 *
 * <p>A thread locks and seeds the generators of all devices, unless it is to draw on one alone, see
 * {@link #only}. Threads of two GPUs then run at once.
 */
public final class RandomState implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(RandomState.class);
  private static final ThreadLocal<@Nullable Only> ONLY = new ThreadLocal<>();
  private static final ThreadLocal<@Nullable Watch> WATCH = new ThreadLocal<>();

  /** A generator, or all of them if they cannot be seeded one by one. */
  private static final class Gate {
    final ReentrantLock lock = new ReentrantLock(true);

    /** Whether a sequence of the thread that has the lock is being drawn. */
    boolean inSequence;
  }

  /** The gates of a process. A thread takes those of GPUs before the CPU's, and never two GPUs'. */
  private static final class Gates {

    static final @Nullable Generators ONE_BY_ONE = oneByOne();
    static final Map<Device, Gate> BY_DEVICE = gates();
    static final List<Gate> ALL = List.copyOf(BY_DEVICE.values());

    private static @Nullable Generators oneByOne() {
      int gpus = PyTorch.engine().getGpuCount();
      if (gpus < 2) {
        return null; // nothing would run at once
      }
      Optional<Generators> loaded = Generators.loaded();
      if (loaded.isEmpty()) {
        LOG.info(
            "this PyTorch seeds the random generators of its {} GPUs together only, so that"
                + " trainings on them take turns",
            gpus);
      }
      return loaded.orElse(null);
    }

    private static Map<Device, Gate> gates() {
      Map<Device, Gate> gates = new LinkedHashMap<>();
      if (ONE_BY_ONE != null) {
        for (int i = 0; i < PyTorch.engine().getGpuCount(); i++) {
          gates.put(Device.gpu(i), new Gate());
        }
      }
      gates.put(Device.cpu(), new Gate());
      return gates;
    }

    static List<Gate> of(Device device) {
      return ONE_BY_ONE == null ? ALL : List.of(Objects.requireNonNull(BY_DEVICE.get(device)));
    }
  }

  /** What a thread draws on. */
  public static final class Only implements AutoCloseable {

    private final Device device;
    private final @Nullable Only before;
    private @Nullable RandomState innermost;

    private Only(Device device, @Nullable Only before) {
      this.device = device;
      this.before = before;
    }

    @Override
    public void close() {
      ONLY.set(before);
    }
  }

  private final List<Gate> gates;
  private final Device device;
  private final long seed;
  private final boolean before;
  private final @Nullable Only only;
  private final @Nullable RandomState outer;
  private final @Nullable Watch watch = WATCH.get();
  private @Nullable RandomState host;

  private RandomState(List<Gate> gates, Device device, long seed, @Nullable Only only) {
    this.gates = gates;
    this.device = device;
    this.seed = seed;
    this.only = only;
    gates.forEach(gate -> gate.lock.lock());
    this.before = gates.get(0).inSequence;
    this.outer = only == null ? null : only.innermost;
    if (only != null) {
      only.innermost = this;
    }
    if (!before) {
      try {
        seed(gates, device, seed);
      } catch (RuntimeException | Error e) {
        release();
        throw e;
      }
    }
    if (watch != null) {
      watch.depth++;
    }
  }

  private static void seed(List<Gate> gates, Device device, long seed) {
    Generators generators = Gates.ONE_BY_ONE;
    if (generators == null || gates.size() > 1) {
      Autograd.seed(seed);
    } else if (device.isGpu()) {
      generators.seedGpu(device.getDeviceId(), seed);
    } else {
      generators.seedCpu(seed);
    }
  }

  /**
   * Lets this thread draw on one device alone until this is closed. It neither seeds nor locks the
   * generators of other devices, so that other threads may draw on those.
   */
  public static Only only(Device device) {
    Only only = new Only(device, ONLY.get());
    ONLY.set(only);
    return only;
  }

  /** Seeds the generators that this thread draws on, and locks them until this is closed. */
  public static RandomState seeded(long seed) {
    Only only = ONLY.get();
    return only == null
        ? new RandomState(Gates.ALL, Device.cpu(), seed, null)
        : new RandomState(Gates.of(only.device), only.device, seed, only);
  }

  /** As {@link #seeded}, for numbers that are drawn on the CPU, whatever the thread draws on. */
  static RandomState onHost(long seed) {
    return ONLY.get() == null
        ? seeded(seed)
        : new RandomState(Gates.of(Device.cpu()), Device.cpu(), seed, null);
  }

  /**
   * Lets the code that draws from a seed draw on the CPU as well, from the same seed. Kernels that
   * do so on each device call it before.
   */
  public static void alsoOnHost() {
    Only only = ONLY.get();
    RandomState innermost = only == null ? null : only.innermost;
    if (innermost != null && innermost.host == null && !innermost.holdsHost()) {
      innermost.host = onHost(innermost.seed);
    }
  }

  private boolean holdsHost() {
    return gates.contains(Gates.BY_DEVICE.get(Device.cpu()));
  }

  /**
   * Seeds the generators once for all that is drawn until this is closed: {@link #seeded} does not
   * seed them meanwhile. A CUDA graph draws so, too.
   */
  public static RandomState sequence(long seed) {
    RandomState state = seeded(seed);
    state.gates.forEach(gate -> gate.inSequence = true);
    return state;
  }

  /**
   * Runs code, and says whether it drew random numbers of a device where it had {@link #seeded}
   * them. What it draws stays the same.
   *
   * @param device a manager of arrays on the device
   */
  public static boolean draws(NDManager device, Runnable code) {
    try (NDArray number = device.create(0L)) {
      Watch mine = new Watch(number);
      WATCH.set(mine);
      code.run();
      return mine.drawn;
    } finally {
      WATCH.remove();
    }
  }

  @Override
  public void close() {
    try {
      if (host != null) {
        host.close();
      }
      if (watch != null && --watch.depth == 0 && !watch.drawn) {
        watch.drawn = hasMoved(watch);
      }
    } finally {
      release();
    }
  }

  private void release() {
    if (only != null) {
      only.innermost = outer;
    }
    for (Gate gate : gates) {
      gate.inSequence = before;
      gate.lock.unlock();
    }
  }

  /** Whether a generator gives another number than first after the seed. */
  private boolean hasMoved(Watch watch) {
    long now = watch.next();
    seed(gates, device, seed);
    return now != watch.next();
  }

  /** Sees what a thread draws. */
  private static final class Watch {

    private static final Kernel NEXT =
        Kernel.of(
            """
            def next(like: Tensor) -> Tensor:
                return torch.randint(4611686018427387904, torch.size(like), dtype=4, layout=None, device=like.device)
            """);

    private final NDArray like;
    private int depth;
    private boolean drawn;

    Watch(NDArray like) {
      this.like = like;
    }

    long next() {
      try (NDArray number = Scope.release(NEXT.plain(like))) {
        return number.getLong();
      }
    }
  }
}
