package io.github.peft4j.kernel.cuda;

import com.sun.jna.Function;
import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.PointerByReference;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/**
 * The functions that record CUDA graphs: PyTorch's class {@code at::cuda::CUDAGraph}, which keeps
 * the memory of a graph apart, and the driver's.
 *
 * <p>PyTorch's functions throw C++ exceptions, which would end the JVM. So the driver is asked for
 * the state of a recording before PyTorch is.
 */
final class GraphLibrary {

  /** Larger than the class in any version of PyTorch. */
  static final int GRAPH_BYTES = 4096;

  private static final int SUCCESS = 0;
  private static final int NON_BLOCKING = 1;
  private static final int THREAD_LOCAL = 1; // other threads may allocate meanwhile

  private static final Optional<GraphLibrary> LOADED = LoadedLibrary.cuda(GraphLibrary::new);

  private final Function construct;
  private final Function destruct;
  private final Function begin;
  private final Function end;
  private final Function replay;
  private final Function createGuard;
  private final Function deleteGuard;
  private final Function retainContext;
  private final Function pushContext;
  private final Function popContext;
  private final Function createStream;
  private final Function isCapturing;
  private final Function endCapture;
  private final Function memory;
  private final Map<Integer, Pointer> streams = new ConcurrentHashMap<>();
  private final Map<Integer, Pointer> contexts = new ConcurrentHashMap<>();

  private GraphLibrary(LoadedLibrary torch, LoadedLibrary driver) {
    String graph = "_ZN2at4cuda9CUDAGraph";
    this.construct = torch.require(graph + "C1Eb", graph + "C1Ev");
    this.destruct = torch.require(graph + "D1Ev");
    this.begin = torch.require(graph + "13capture_beginESt4pairIyyE21cudaStreamCaptureMode");
    this.end = torch.require(graph + "11capture_endEv");
    this.replay = torch.require(graph + "6replayEv");
    this.createGuard = torch.require("aoti_torch_create_cuda_stream_guard");
    this.deleteGuard = torch.require("aoti_torch_delete_cuda_stream_guard");
    this.retainContext = driver.require("cuDevicePrimaryCtxRetain");
    this.pushContext = driver.require("cuCtxPushCurrent_v2");
    this.popContext = driver.require("cuCtxPopCurrent_v2");
    this.createStream = driver.require("cuStreamCreate");
    this.isCapturing = driver.require("cuStreamIsCapturing");
    this.endCapture = driver.require("cuStreamEndCapture");
    this.memory = driver.require("cuMemGetInfo_v2");
  }

  /** The functions, if the process has loaded a PyTorch for CUDA that has them all. */
  static Optional<GraphLibrary> loaded() {
    return LOADED;
  }

  /** A stream of a device for recordings, which runs nothing itself. */
  Pointer stream(int device) {
    return streams.computeIfAbsent(device, this::createStream);
  }

  /** A new stream of a device. */
  Pointer createStream(int device) {
    return inContext(
        device,
        () -> {
          PointerByReference stream = new PointerByReference();
          require("cuStreamCreate", createStream.invokeInt(args(stream, NON_BLOCKING)));
          return stream.getValue();
        });
  }

  /** Runs code with a device's context, the one that PyTorch uses, as that of the thread. */
  <T> T inContext(int device, Supplier<T> code) {
    Pointer context = contexts.computeIfAbsent(device, this::context);
    require("cuCtxPushCurrent", pushContext.invokeInt(args(context)));
    try {
      return code.get();
    } finally {
      popContext.invokeInt(args(new PointerByReference()));
    }
  }

  private Pointer context(int device) {
    PointerByReference context = new PointerByReference();
    require("cuDevicePrimaryCtxRetain", retainContext.invokeInt(args(context, device)));
    return context.getValue();
  }

  /** Lets the calling thread launch on a stream, until the guard is {@linkplain #leave left}. */
  Pointer enter(Pointer stream, int device) {
    PointerByReference guard = new PointerByReference();
    require(
        "aoti_torch_create_cuda_stream_guard", createGuard.invokeInt(args(stream, device, guard)));
    return guard.getValue();
  }

  void leave(Pointer guard) {
    deleteGuard.invokeInt(args(guard));
  }

  /** A new graph. */
  Memory construct() {
    Memory graph = new Memory(GRAPH_BYTES);
    graph.clear();
    construct.invokeVoid(args(graph, 0));
    return graph;
  }

  void destruct(Memory graph) {
    destruct.invokeVoid(args(graph));
  }

  /** Starts recording what the calling thread launches; memory comes from a pool of a number. */
  void begin(Memory graph, long pool) {
    begin.invokeVoid(args(graph, 0L, pool, THREAD_LOCAL));
  }

  /** Whether a recording on a stream is under way and valid. */
  boolean isRecording(Pointer stream) {
    IntByReference status = new IntByReference();
    require("cuStreamIsCapturing", isCapturing.invokeInt(args(stream, status)));
    return status.getValue() == 1;
  }

  void end(Memory graph) {
    end.invokeVoid(args(graph));
  }

  /** Ends a recording that is not valid. Its graph must not be used, nor destructed. */
  void abandon(Pointer stream) {
    endCapture.invokeInt(args(stream, new PointerByReference())); // says that it is not valid
  }

  void replay(Memory graph) {
    replay.invokeVoid(args(graph));
  }

  /** The bytes of the current device that no process has. */
  long freeBytes() {
    Memory free = new Memory(8);
    require("cuMemGetInfo", memory.invokeInt(args(free, new Memory(8))));
    return free.getLong(0);
  }

  private static Object[] args(Object... arguments) {
    return arguments;
  }

  private static void require(String function, int result) {
    if (result != SUCCESS) {
      throw new IllegalStateException(function + " failed with error " + result);
    }
  }
}
