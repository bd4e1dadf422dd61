package io.github.peft4j.kernel.cuda;

import io.github.peft4j.kernel.setting.Environment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A kernel in CUDA C: text that NVRTC compiles at first use, for each device and each combination
 * of types. It runs on PyTorch's current stream and neither waits nor allocates anything but its
 * results, which PyTorch makes.
 *
 * <pre>{@code
 * CudaText.of("""
 *     extern "C" __global__ void twice(const T0* x, T0* y, whole rows, whole columns) {
 *       whole row = (whole) blockIdx.x * blockDim.y + threadIdx.y;
 *       if (row >= rows) return;
 *       for (whole c = threadIdx.x * LANES; c < columns; c += blockDim.x * LANES) {
 *         Pack<T0> a = load(x + row * columns + c), out;
 *         for (int i = 0; i < LANES; i++) narrow(2 * wide(a.v[i]), out.v[i]);
 *         store(y + row * columns + c, out);
 *       }
 *     }
 *     """, plan)
 * }</pre>
 *
 * <p>The last {@code __global__} function is the kernel. Its parameters are the tensors' addresses,
 * the results' addresses, and numbers of 64 bits ({@code whole}). {@code T0}, {@code T1}, … are the
 * tensors' element types; {@link #PRELUDE} has what else a text can use.
 *
 * <p>The system property {@value #PROPERTY} set to {@code false} turns all texts off.
 */
public final class CudaText {

  /** The system property that turns CUDA texts off. */
  public static final String PROPERTY = "peft4j.cudaText";

  private static final Logger LOG = LoggerFactory.getLogger(CudaText.class);

  /** What stands in front of each text. */
  static final String PRELUDE =
      """
      typedef long long whole;
      struct bf16 { unsigned short bits; };
      struct fp16 { unsigned short bits; };

      // To 32 bits, and back to the nearest.
      __device__ inline float wide(float x) { return x; }
      __device__ inline float wide(bf16 x) { return __uint_as_float((unsigned) x.bits << 16); }
      __device__ inline float wide(fp16 x) {
        float y;
        asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
        return y;
      }
      __device__ inline void narrow(float x, float& y) { y = x; }
      __device__ inline void narrow(float x, bf16& y) {
      #if __CUDA_ARCH__ >= 800
        asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
      #else
        unsigned bits = __float_as_uint(x);
        y.bits = x == x ? (bits + 0x7fff + (bits >> 16 & 1)) >> 16 : 0x7fff;
      #endif
      }
      __device__ inline void narrow(float x, fp16& y) {
        asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
      }

      // The exponential function. For 16 bits, the faster one is exact enough.
      __device__ inline float power(float x) { return sizeof(T0) == 4 ? expf(x) : __expf(x); }

      // LANES elements, loaded and stored by 16 bytes.
      template <typename T> struct alignas(sizeof(T) * LANES < 16 ? sizeof(T) * LANES : 16) Pack {
        T v[LANES];
      };
      template <typename T> __device__ inline Pack<T> load(const T* from) {
        return *reinterpret_cast<const Pack<T>*>(from);
      }
      template <typename T> __device__ inline void store(T* to, const Pack<T>& x) {
        *reinterpret_cast<Pack<T>*>(to) = x;
      }

      // The sum and the largest over the threads along x. If these are more than 32, all of the block take part.
      __device__ inline float join(float x, float y, bool largest) { return largest ? fmaxf(x, y) : x + y; }
      __device__ inline float joined(float x, bool largest) {
        for (int d = 16; d > 0; d /= 2) x = join(x, __shfl_xor_sync(0xffffffffu, x, d), largest);
        if (blockDim.x > 32) {
          __shared__ float parts[32];
          if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
          __syncthreads();
          x = parts[0];
          for (int i = 1; i < blockDim.x / 32; i++) x = join(x, parts[i], largest);
          __syncthreads();
        }
        return x;
      }
      __device__ inline float sum(float x) { return joined(x, false); }
      __device__ inline float largest(float x) { return joined(x, true); }

      """;

  private static final Pattern KERNEL = Pattern.compile("__global__[^;{]*?void\\s+(\\w+)\\(");

  private static final AtomicBoolean WARNED = new AtomicBoolean();
  private static final LongAdder LAUNCHES = new LongAdder();

  /** Functions of all texts by text, types and device. 0 stands for one that does not compile. */
  private static final Map<Program, Long> COMPILED = new ConcurrentHashMap<>();

  private static volatile boolean enabled = !"false".equals(System.getProperty(PROPERTY));

  private final String source;
  private final Plan plan;

  /** This text's functions by types, lanes and device. */
  private final Map<Long, Long> functions = new ConcurrentHashMap<>();

  /** Says how a text runs. */
  @FunctionalInterface
  public interface Plan {
    /**
     * The launch for some tensors.
     *
     * @return null if the text is not for these
     */
    @Nullable Launch of(List<DeviceTensor> tensors);
  }

  private record Program(String source, List<String> definitions, int device) {}

  /** NVRTC, if this process has PyTorch for CUDA and all that texts need. */
  private static final class Compiler {
    static final @Nullable Nvrtc NVRTC = find();

    private static @Nullable Nvrtc find() {
      String torch = Environment.loaded("libtorch_cuda\\.so").orElse(null);
      if (torch == null) {
        return null;
      }
      try {
        Torch.bind(torch);
        Driver.bind(Environment.loaded("libcuda\\.so").orElse("libcuda.so.1"));
        return Nvrtc.near(Path.of(torch));
      } catch (LinkageError | RuntimeException e) {
        warn("CUDA texts cannot run, PyTorch's kernels run instead: " + e.getMessage(), e);
        return null;
      }
    }
  }

  private CudaText(String source, Plan plan) {
    this.source = source;
    this.plan = plan;
  }

  /** A text, not yet compiled, and how it runs. */
  public static CudaText of(String source, Plan plan) {
    return new CudaText(source, plan);
  }

  /** A text for {@link #launch}, which says how it runs. */
  public static CudaText of(String source) {
    return new CudaText(source, tensors -> null);
  }

  /** A copy in which a constant, a name in braces, is replaced. */
  public CudaText with(String constant, String value) {
    return new CudaText(source.replace("{" + constant + "}", value), plan);
  }

  /**
   * Runs the kernel.
   *
   * @param tensors addresses of {@code at::Tensor}s
   * @return the same of the results, which the caller frees; null if the text is not for these
   *     tensors, or cannot run here. Nothing has happened then
   * @throws IllegalStateException with the driver's words if the launch fails
   */
  public long @Nullable [] call(long... tensors) {
    return call(plan, tensors);
  }

  /**
   * Runs the kernel for what it does to its tensors, or to those whose addresses a tensor holds.
   *
   * @param launch how it runs, without outputs
   * @param tensors addresses of {@code at::Tensor}s
   * @return whether it was launched. If not, nothing has happened
   * @throws IllegalStateException with the driver's words if the launch fails
   */
  public boolean launch(Launch launch, long... tensors) {
    return call(inputs -> launch, tensors) != null;
  }

  private long @Nullable [] call(Plan plan, long... tensors) {
    if (!isAvailable()) {
      return null;
    }
    List<DeviceTensor> inputs = DeviceTensor.of(tensors);
    Launch launch = inputs == null ? null : plan.of(inputs);
    if (inputs == null || launch == null || launch.blocks() > Launch.MOST_BLOCKS) {
      return null;
    }
    int device = inputs.get(0).device();
    long function = function(inputs, launch.lanes(), device);
    long[] results = function == 0 ? null : allocate(launch.outputs(), device);
    if (results != null && launch.blocks() > 0) {
      launch(function, launch, inputs, results);
    }
    return results;
  }

  private static void launch(
      long function, Launch launch, List<DeviceTensor> inputs, long[] results) {
    Words words = Words.ofThread();
    int count = 0;
    for (DeviceTensor input : inputs) {
      words.argument(count++, input.address());
    }
    for (long result : results) {
      check(Torch.getDataPtr(result, words.address(0)));
      words.argument(count++, words.read(0));
    }
    for (long number : launch.numbers()) {
      words.argument(count++, number);
    }
    int device = inputs.get(0).device();
    check(Torch.getCurrentCudaStream(device, words.address(0)));
    Driver.launch(Driver.gpu(device), function, launch, words.read(0), words);
    LAUNCHES.increment();
  }

  /** Makes the results, or null if PyTorch cannot; its own kernels will then say why. */
  private static long @Nullable [] allocate(List<Launch.Output> outputs, int device) {
    Words words = Words.ofThread();
    long[] made = new long[outputs.size()];
    for (int i = 0; i < made.length; i++) {
      Launch.Output output = outputs.get(i);
      int dimensions = output.sizes().length;
      words.write(1, output.sizes());
      words.write(1 + dimensions, output.strides());
      int status =
          Torch.emptyStrided(
              dimensions,
              words.address(1),
              words.address(1 + dimensions),
              output.type(),
              Torch.CUDA,
              device,
              words.address(0));
      if (status != 0) {
        for (int j = 0; j < i; j++) {
          check(Torch.deleteTensorObject(made[j]));
        }
        return null;
      }
      made[i] = words.read(0);
    }
    return made;
  }

  private long function(List<DeviceTensor> inputs, int lanes, int device) {
    long key = device;
    for (DeviceTensor input : inputs) {
      key = key * 16 + input.type();
    }
    key = key * 16 + lanes;
    Long known = functions.get(key);
    if (known == null) {
      Program program = new Program(source, definitions(inputs, lanes), device);
      known = COMPILED.computeIfAbsent(program, CudaText::compile);
      functions.put(key, known);
    }
    return known;
  }

  private static List<String> definitions(List<DeviceTensor> inputs, int lanes) {
    List<String> definitions = new ArrayList<>(List.of("LANES=" + lanes));
    for (int i = 0; i < inputs.size(); i++) {
      definitions.add("T" + i + "=" + DeviceTensor.typeName(inputs.get(i).type()));
    }
    return definitions;
  }

  private static long compile(Program program) {
    Nvrtc compiler = Compiler.NVRTC;
    if (compiler == null) {
      return 0;
    }
    try {
      Driver.Gpu gpu = Driver.gpu(program.device());
      byte[] code =
          compiler.compile(PRELUDE + program.source(), gpu.capability(), program.definitions());
      return Driver.load(gpu, code, name(program.source()));
    } catch (IllegalArgumentException | IllegalStateException e) {
      warn("a CUDA text does not compile, PyTorch's kernel runs instead: " + e.getMessage(), e);
      return 0;
    }
  }

  /** The name of a source's last kernel. */
  static String name(String source) {
    Matcher matcher = KERNEL.matcher(source);
    String last = "";
    while (matcher.find()) {
      last = matcher.group(1);
    }
    return last;
  }

  /** Whether this process can run CUDA texts, and they are on. PyTorch has to be loaded. */
  public static boolean isAvailable() {
    return enabled && Compiler.NVRTC != null;
  }

  /** The number of launches in this process so far. */
  public static long launches() {
    return LAUNCHES.sum();
  }

  /** Turns the texts on or off, for tests. */
  static void enable(boolean on) {
    enabled = on;
  }

  String source() {
    return source;
  }

  private static void check(int status) {
    if (status != 0) {
      throw new IllegalStateException("PyTorch's C functions failed with status " + status);
    }
  }

  /** Warns once in a process. More is seen at level debug. */
  private static void warn(String message, Throwable cause) {
    if (WARNED.compareAndSet(false, true)) {
      LOG.warn("{} ({}=false turns them off)", message, PROPERTY);
    }
    LOG.debug(message, cause);
  }
}
