package io.github.peft4j.kernel;

import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether NVIDIA GPUs from Ampere on multiply float32 numbers in TF32, which keeps 10 of their 23
 * bits of mantissa and is several times as fast. PyTorch reads this from the environment when its
 * libraries are loaded; DJL has no way to change it afterwards. The system property {@value
 * #PROPERTY} is therefore read once, before the first model is loaded:
 *
 * <ul>
 *   <li>{@code on}: matrix products are in TF32, as with PyTorch's {@code
 *       set_float32_matmul_precision("high")}. Sets TORCH_ALLOW_TF32_CUBLAS_OVERRIDE=1.
 *   <li>{@code off}: nothing is in TF32, neither in cuBLAS nor in cuDNN. Sets
 *       NVIDIA_TF32_OVERRIDE=0.
 *   <li>not set: what the environment says, and without it PyTorch's default: products are exact,
 *       and cuDNN, which computes LSTMs, may take TF32.
 * </ul>
 *
 * <p>{@code off} has precedence over the environment, because NVIDIA's containers turn TF32 on
 * there. Models in BFLOAT16 or FLOAT16 and models on the CPU are not concerned.
 */
public final class Tf32 {

  /** The system property. */
  public static final String PROPERTY = "peft4j.tf32";

  /** Read by PyTorch: whether its matrix products may take TF32. */
  private static final String ALLOW = "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE";

  /** Read by NVIDIA's libraries: 0 turns TF32 off, whatever programs ask for. */
  private static final String FORBID = "NVIDIA_TF32_OVERRIDE";

  private static final Logger LOG = LoggerFactory.getLogger(Tf32.class);

  private static boolean prepared;

  private Tf32() {}

  /** Sets the environment of this process, on the first call only. */
  static synchronized void prepare() {
    if (prepared) {
      return;
    }
    Map<String, String> variables = variables(System.getProperty(PROPERTY), System.getenv());
    prepared = true;
    if (variables.isEmpty()) {
      return;
    }
    String said = PROPERTY + "=" + System.getProperty(PROPERTY);
    Environment.loaded("lib(torch_cpu|cublas)")
        .ifPresent(library -> LOG.warn("{} comes too late: {} is loaded already", said, library));
    try {
      variables.forEach(Environment::set);
      LOG.debug("set for {}: {}", said, variables);
    } catch (RuntimeException | LinkageError e) {
      LOG.warn("{} has no effect, set {} in the environment of the process", said, variables, e);
    }
  }

  /**
   * The environment variables to set.
   *
   * @param property the value of the property; null if it is not set
   * @param environment the environment that the process was started with
   * @throws IllegalArgumentException if it has an invalid value, or the environment forbids it
   */
  static Map<String, String> variables(@Nullable String property, Map<String, String> environment) {
    if (property == null) {
      return Map.of();
    }
    return switch (property.toLowerCase(Locale.ROOT)) {
      case "on" -> {
        if ("0".equals(environment.get(FORBID))) {
          throw new IllegalArgumentException(
              "%s is on, but %s=0 in the environment turns TF32 off: take one of the two away"
                  .formatted(PROPERTY, FORBID));
        }
        yield Map.of(ALLOW, "1");
      }
      case "off" -> Map.of(ALLOW, "0", FORBID, "0");
      default ->
          throw new IllegalArgumentException(
              PROPERTY + " is '" + property + "', expected on or off");
    };
  }
}
