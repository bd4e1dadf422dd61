package io.github.peft4j.kernel.setting;

import com.sun.jna.Platform;
import io.github.peft4j.kernel.setting.OpenMp.Properties;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How PyTorch asks a GPU for memory. By default it takes a segment for each large array, and later
 * arrays share the segments of former ones as they fit, so that memory is left over in pieces. With
 * expandable segments there is one that grows, and memory that is free can be used for any array.
 *
 * <p>They are on, on Linux, unless {@code PYTORCH_CUDA_ALLOC_CONF} or {@code PYTORCH_ALLOC_CONF} is
 * set in the environment, or the system property {@value #PROPERTY} is {@code false}. PyTorch reads
 * this when it first asks a GPU for memory.
 */
public final class CudaSegments {

  /** The system property. */
  public static final String PROPERTY = "peft4j.expandableSegments";

  private static final String VARIABLE = "PYTORCH_CUDA_ALLOC_CONF";
  private static final String NEWER = "PYTORCH_ALLOC_CONF";

  private static final Logger LOG = LoggerFactory.getLogger(CudaSegments.class);

  private CudaSegments() {}

  /** Sets the environment of this process. */
  public static void prepare() {
    try {
      variables(System::getProperty, System.getenv(), Platform.isLinux()).forEach(Environment::set);
    } catch (RuntimeException | LinkageError e) {
      LOG.debug("segments of GPU memory are not expandable", e);
    }
  }

  /** The environment variables to set. */
  static Map<String, String> variables(
      Properties properties, Map<String, String> environment, boolean linux) {
    boolean chosen = environment.containsKey(VARIABLE) || environment.containsKey(NEWER);
    return !linux || chosen || "false".equals(properties.get(PROPERTY))
        ? Map.of()
        : Map.of(VARIABLE, "expandable_segments:True");
  }
}
