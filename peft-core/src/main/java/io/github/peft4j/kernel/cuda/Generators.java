package io.github.peft4j.kernel.cuda;

import com.sun.jna.Function;
import com.sun.jna.Pointer;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * PyTorch's random generators, each by itself. TorchScript and DJL only seed all of them at once:
 * {@code torch.manual_seed}. The classes are {@code at::CPUGeneratorImpl} and {@code
 * at::CUDAGeneratorImpl}, whose {@code set_current_seed} is called here, as {@code manual_seed}
 * does.
 *
 * <p>Nobody may draw from a generator while it is seeded.
 */
public final class Generators {

  private static final Optional<Generators> LOADED = load();

  private final Function cpu;
  private final Function seedCpu;
  private final @Nullable Function cuda;
  private final @Nullable Function seedCuda;
  private final Map<Integer, Pointer> ofGpus = new ConcurrentHashMap<>();

  private Generators(LoadedLibrary torch, @Nullable LoadedLibrary torchCuda) {
    this.cpu = torch.require("_ZN2at6detail22getDefaultCPUGeneratorEv");
    this.seedCpu = torch.require("_ZN2at16CPUGeneratorImpl16set_current_seedEm");
    this.cuda =
        torchCuda == null
            ? null
            : torchCuda.require("_ZN2at4cuda6detail23getDefaultCUDAGeneratorEa");
    this.seedCuda =
        torchCuda == null
            ? null
            : torchCuda.require("_ZN2at17CUDAGeneratorImpl16set_current_seedEm");
  }

  private static Optional<Generators> load() {
    try {
      LoadedLibrary cuda = LoadedLibrary.of("libtorch_cuda\\.so").orElse(null);
      return LoadedLibrary.of("libtorch_cpu\\.so").map(torch -> new Generators(torch, cuda));
    } catch (UnsatisfiedLinkError e) { // another version of PyTorch
      return Optional.empty();
    }
  }

  /** The generators, if the process has loaded a PyTorch that has the functions. */
  public static Optional<Generators> loaded() {
    return LOADED;
  }

  /** Seeds the CPU's generator and no other. */
  public void seedCpu(long seed) {
    seedCpu.invokeVoid(args(of(cpu.invokePointer(args())), seed));
  }

  /**
   * Seeds the generator of a GPU and no other.
   *
   * @param device its number, from 0
   */
  public void seedGpu(int device, long seed) {
    Function get = cuda;
    Function set = seedCuda;
    if (get == null || set == null) {
      throw new IllegalStateException("PyTorch is loaded without CUDA, and has no GPU " + device);
    }
    Pointer generator =
        ofGpus.computeIfAbsent(device, d -> of(get.invokePointer(args(d.byteValue()))));
    set.invokeVoid(args(generator, seed));
  }

  /** An {@code at::Generator} is a pointer to what it consists of. */
  private static Pointer of(Pointer generator) {
    return generator.getPointer(0);
  }

  private static Object[] args(Object... arguments) {
    return arguments;
  }
}
