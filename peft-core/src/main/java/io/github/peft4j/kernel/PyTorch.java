package io.github.peft4j.kernel;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.util.Platform;
import ai.djl.util.cuda.CudaUtils;
import io.github.peft4j.kernel.cuda.CudaGraph;
import io.github.peft4j.kernel.setting.CudaSegments;
import io.github.peft4j.kernel.setting.OpenMp;
import io.github.peft4j.kernel.setting.Switches;
import io.github.peft4j.kernel.setting.Tf32;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Starts PyTorch. All of peft4j reaches the engine through this class, so that {@link OpenMp} and
 * {@link Tf32} are set up before PyTorch's libraries are loaded.
 */
public final class PyTorch {

  private static final Logger LOG = LoggerFactory.getLogger(PyTorch.class);

  private static boolean started;

  private PyTorch() {}

  /**
   * DJL's PyTorch engine, started on the first call.
   *
   * @throws IllegalArgumentException if a system property of peft4j has a value that means nothing
   * @throws IllegalStateException naming the dependencies to add, if PyTorch's native libraries are
   *     not on the class path and cannot be downloaded; or if DJL does not find its PyTorch engine
   */
  public static synchronized Engine engine() {
    if (started) {
      return Engine.getEngine("PyTorch");
    }
    Switches.check();
    OpenMp.prepare();
    Tf32.prepare();
    CudaSegments.prepare();
    Engine engine = found();
    started = true;
    LOG.debug("PyTorch {}: {} threads an operation", engine.getVersion(), JniUtils.getNumThreads());
    return engine;
  }

  /** DJL's class for engines looks for them once, with the class loader of the thread's context. */
  private static Engine found() {
    ClassLoader own = PyTorch.class.getClassLoader();
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    thread.setContextClassLoader(own);
    try {
      requireRegistered(Engine.getAllEngines());
      return Engine.getEngine("PyTorch");
    } catch (EngineException e) {
      throw explained(e, own);
    } finally {
      thread.setContextClassLoader(before);
    }
  }

  /** Requires that services were merged where an application is one jar. */
  static void requireRegistered(Set<String> engines) {
    if (!engines.contains("PyTorch")) {
      throw new IllegalStateException(
          "DJL knows the engines %s and not PyTorch, which ai.djl.pytorch:pytorch-engine names in"
                  .formatted(engines)
              + " META-INF/services/ai.djl.engine.EngineProvider. If this application is one jar"
              + " made of several, join their files of META-INF/services when it is made:"
              + " ServicesResourceTransformer of maven-shade-plugin, mergeServiceFiles() of"
              + " Gradle's Shadow");
    }
  }

  /**
   * The compute capability of a GPU, such as 75 for 7.5; empty if it is unknown.
   *
   * @param device a CUDA GPU
   */
  public static OptionalInt capability(Device device) {
    try {
      return OptionalInt.of(Integer.parseInt(CudaUtils.getComputeCapability(device.getDeviceId())));
    } catch (RuntimeException | LinkageError e) {
      LOG.debug("the compute capability of {} is unknown", device, e);
      return OptionalInt.empty();
    }
  }

  /** Gives memory of GPUs back that PyTorch keeps for its next arrays. */
  public static void releaseCachedMemory() {
    CudaGraph.betweenRecordings(JniUtils::emptyCudaCache);
  }

  /** The error itself, or one that names the missing dependencies. */
  static RuntimeException explained(EngineException e, ClassLoader classPath) {
    Platform platform = Platform.fromSystem("pytorch");
    List<String> missing = new ArrayList<>();
    if (classPath.getResource("jnilib/pytorch.properties") == null) {
      missing.add(
          "ai.djl.pytorch:pytorch-jni:%s-%s"
              .formatted(platform.getVersion(), platform.getApiVersion()));
    }
    if (classPath.getResource("native/lib/pytorch.properties") == null) {
      missing.add(
          "ai.djl.pytorch:pytorch-native-cpu:%s with the classifier %s"
              .formatted(platform.getVersion(), platform.getClassifier()));
    }
    if (missing.isEmpty()) {
      return e;
    }
    return new IllegalStateException(
        "PyTorch's native libraries are not on the class path and could not be downloaded ("
            + e.getMessage()
            + "). For the CPU, add "
            + String.join(" and ", missing)
            + " in the scope runtime; for a CUDA GPU, run once with access to the network",
        e);
  }
}
