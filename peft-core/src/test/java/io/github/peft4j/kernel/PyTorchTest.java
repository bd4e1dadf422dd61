package io.github.peft4j.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.engine.EngineException;
import ai.djl.util.Platform;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class PyTorchTest {

  private final EngineException failure = new EngineException("Failed to save pytorch index file");

  @Test
  void missingNativesAreAnErrorThatNamesTheDependencies() {
    Platform platform = Platform.fromSystem("pytorch");
    String version = platform.getVersion();

    // The class path of the platform's own loader: nothing of PyTorch is on it.
    assertThat(PyTorch.explained(failure, ClassLoader.getPlatformClassLoader()))
        .isInstanceOf(IllegalStateException.class)
        .hasCause(failure)
        .hasMessageContaining("Failed to save pytorch index file")
        .hasMessageContaining(
            "ai.djl.pytorch:pytorch-jni:" + version + "-" + platform.getApiVersion())
        .hasMessageContaining(
            "ai.djl.pytorch:pytorch-native-cpu:"
                + version
                + " with the classifier "
                + platform.getClassifier());
  }

  @Test
  void onlyTheMissingOneIsNamed() throws IOException {
    URL natives = PyTorch.class.getResource("/jnilib/pytorch.properties");
    try (URLClassLoader jniAlone =
        new URLClassLoader(new URL[0], ClassLoader.getPlatformClassLoader()) {
          @Override
          public @Nullable URL getResource(String name) {
            return name.startsWith("jnilib/") ? natives : null;
          }
        }) {
      assertThat(PyTorch.explained(failure, jniAlone))
          .hasMessageContaining("pytorch-native-cpu")
          .hasMessageNotContaining("pytorch-jni");
    }
  }

  /** One jar made of several, whose files of one name have overwritten each other. */
  @Test
  void anEngineThatIsNotRegisteredIsAnErrorThatSaysHowJarsAreJoined() {
    assertThatThrownBy(() -> PyTorch.requireRegistered(Set.of("RPC")))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("DJL knows the engines [RPC] and not PyTorch")
        .hasMessageContaining("ServicesResourceTransformer");
  }

  @Test
  void anotherFailureIsPassedOnAsItIs() {
    assertThat(PyTorch.explained(failure, PyTorch.class.getClassLoader())).isSameAs(failure);
  }
}
