package io.github.peft4j.io.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import com.google.gson.Gson;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.site.ActiveAdapters;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The weights out of the ONNX file compute here what ONNX Runtime computes with the file. */
class OnnxRuntimeParityTest {

  private static final long[][] IDS = new long[3][24];
  private static final long[][] MASK = new long[3][24];
  private static final int[] LENGTHS = {24, 9, 2};

  static {
    Random random = new Random(1);
    for (int row = 0; row < IDS.length; row++) {
      for (int i = 0; i < LENGTHS[row]; i++) {
        IDS[row][i] = random.nextInt(30522);
        MASK[row][i] = 1;
      }
    }
  }

  @Test
  void hiddenStates() throws IOException, OrtException {
    byte[] file;
    try (InputStream in = getClass().getResourceAsStream("/all-minilm-l6-v2.onnx")) {
      file = Objects.requireNonNull(in).readAllBytes();
    }

    float[] ours = ours(file);
    float[][][] theirs = theirs(file);

    int width = theirs[0][0].length;
    float worst = 0;
    for (int row = 0; row < IDS.length; row++) {
      for (int t = 0; t < LENGTHS[row]; t++) {
        for (int k = 0; k < width; k++) {
          float mine = ours[(row * IDS[0].length + t) * width + k];
          worst = Math.max(worst, Math.abs(mine - theirs[row][t][k]));
        }
      }
    }
    assertThat(ours).hasSize(IDS.length * IDS[0].length * width);
    assertThat(worst).isLessThan(1e-4f);
  }

  private static float[] ours(byte[] file) {
    OnnxWeights weights = OnnxWeights.open(new ByteArrayInputStream(file));
    ModelConfig config =
        ModelConfig.of(new Gson().toJsonTree(weights.bertConfig()).getAsJsonObject(), "MiniLM");
    try (PeftModel model =
            Peft.from(config, () -> weights, () -> null, "MiniLM")
                .task(Task.classification("no", "yes"))
                .device(Device.cpu())
                .precision(Precision.FLOAT32)
                .load();
        Pass pass = Pass.inference(ActiveAdapters.NONE);
        Scope scope = new Scope()) {
      ModelInput input = ModelInput.of(model.base().manager(), IDS, MASK);
      return Tensors.floats(model.base().hidden(input, pass));
    }
  }

  private static float[][][] theirs(byte[] file) throws OrtException {
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(1);
      try (OrtSession session = environment.createSession(file, options);
          OnnxTensor ids = OnnxTensor.createTensor(environment, IDS);
          OnnxTensor mask = OnnxTensor.createTensor(environment, MASK);
          OnnxTensor types = OnnxTensor.createTensor(environment, new long[3][24]);
          OrtSession.Result result =
              session.run(
                  Map.of("input_ids", ids, "attention_mask", mask, "token_type_ids", types))) {
        return (float[][][]) result.get(0).getValue();
      }
    }
  }
}
