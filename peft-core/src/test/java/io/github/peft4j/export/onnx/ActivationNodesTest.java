package io.github.peft4j.export.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileGroup;
import io.github.peft4j.io.onnx.OnnxWriter;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.activation.Activation;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ActivationNodesTest {

  @TempDir private Path folder;

  @ParameterizedTest
  @EnumSource
  void nodesComputeWhatTheKernelComputes(Activation f) throws OrtException {
    OnnxWriter writer = new OnnxWriter();
    Nodes nodes = new Nodes(writer);
    writer.input("x", DType.F32, "n");
    nodes.output(ActivationNodes.apply(f, "x", nodes), "y", DType.F32, "n");
    try (FileGroup files = new FileGroup(folder)) {
      writer.writeTo(files, "f.onnx", OnnxWriter.LARGEST_FILE);
      files.commit();
    }
    float[] x = new float[81];
    IntStream.range(0, x.length).forEach(i -> x[i] = (i - 40) * 0.3f);

    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    try (OrtSession session = environment.createSession(folder.resolve("f.onnx").toString());
        OnnxTensor input =
            OnnxTensor.createTensor(environment, FloatBuffer.wrap(x), new long[] {x.length});
        OrtSession.Result result = session.run(Map.of("x", input));
        NDManager manager = Tensors.newManager(Device.cpu());
        Scope scope = new Scope()) {
      assertThat((float[]) result.get(0).getValue())
          .containsExactly(Tensors.floats(f.apply(manager.create(x))), within(1e-5f));
    }
  }
}
