package io.github.peft4j.export.onnx;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Runs a model.onnx in ONNX Runtime. */
final class OnnxSession implements AutoCloseable {

  private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
  private final OrtSession session;

  OnnxSession(Path file) throws OrtException {
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(1);
      session = environment.createSession(file.toString(), options);
    }
  }

  Set<String> inputs() {
    return session.getInputNames();
  }

  Set<String> outputs() {
    return session.getOutputNames();
  }

  /** The shape of an output; -1 for sizes that callers choose. */
  long[] shape(String output) throws OrtException {
    return ((ai.onnxruntime.TensorInfo)
            Objects.requireNonNull(session.getOutputInfo().get(output)).getInfo())
        .getShape();
  }

  /**
   * All outputs, row-major.
   *
   * @param types null for zeros
   */
  Map<String, float[]> run(long[][] ids, long[][] mask, long @Nullable [][] types)
      throws OrtException {
    Map<String, OnnxTensor> inputs = new LinkedHashMap<>();
    Map<String, float[]> outputs = new LinkedHashMap<>();
    try {
      inputs.put("input_ids", OnnxTensor.createTensor(environment, ids));
      inputs.put("attention_mask", OnnxTensor.createTensor(environment, mask));
      if (inputs().contains("token_type_ids")) {
        long[][] segments = types == null ? new long[ids.length][ids[0].length] : types;
        inputs.put("token_type_ids", OnnxTensor.createTensor(environment, segments));
      }
      try (OrtSession.Result result = session.run(inputs)) {
        for (Map.Entry<String, OnnxValue> output : result) {
          OnnxTensor tensor = (OnnxTensor) output.getValue();
          float[] values = new float[tensor.getFloatBuffer().remaining()];
          tensor.getFloatBuffer().get(values);
          outputs.put(output.getKey(), values);
        }
      }
    } finally {
      inputs.values().forEach(OnnxTensor::close);
    }
    return outputs;
  }

  @Override
  public void close() throws OrtException {
    session.close();
  }
}
