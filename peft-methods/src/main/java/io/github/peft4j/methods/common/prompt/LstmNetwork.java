package io.github.peft4j.methods.common.prompt;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Initializer;
import java.util.ArrayList;
import java.util.List;

/** W₁ relu(W₀ BiLSTM(e) + b₀) + b₁, over the virtual tokens as a sequence. */
public final class LstmNetwork implements PromptNetwork {

  private static final Kernel LSTM =
      Kernel.of(
          """
          def lstm(e: List[Tensor], lstm: List[Tensor], mlp: List[Tensor]) -> List[Tensor]:
              x = torch.reshape(e[0], [-1, torch.size(e[0], -2), torch.size(e[0], -1)])   # (B, n, d)
              shape = [2 * {layers}, torch.size(x, 0), {hidden}]
              state = torch.zeros(shape, dtype=x.dtype, layout=None, device=x.device)
              y, h, c, = torch.lstm(x, [state, state], lstm, True, {layers}, {dropout}, {training}, True, True)
              z = torch.relu(torch.linear(y, mlp[0], mlp[1]))    # (B, n, 2 h)
              return [torch.reshape(torch.linear(z, mlp[2], mlp[3]), e[0].shape)]
          """);

  private final List<Trainable> lstm = new ArrayList<>();
  private final List<Trainable> mlp = new ArrayList<>();
  private final Kernel kernel;
  private final Kernel trainingKernel;

  /**
   * Creates a network.
   *
   * @param d the length of the vectors
   * @param hidden h, the states of a direction
   * @param layers of the LSTM, above 0
   * @param dropout probability between the layers
   */
  public LstmNetwork(
      long d, long hidden, int layers, double dropout, Initializer initial, Declaring declare) {
    double bound = 1 / Math.sqrt((double) hidden);
    for (int layer = 0; layer < layers; layer++) {
      long in = layer == 0 ? d : 2 * hidden;
      for (String direction : List.of("", "_reverse")) {
        String suffix = "_l" + layer + direction;
        lstm.add(
            declare.declare(
                "lstm_head.weight_ih" + suffix, initial.uniform(bound, 4 * hidden, in)));
        lstm.add(
            declare.declare(
                "lstm_head.weight_hh" + suffix, initial.uniform(bound, 4 * hidden, hidden)));
        lstm.add(declare.declare("lstm_head.bias_ih" + suffix, initial.uniform(bound, 4 * hidden)));
        lstm.add(declare.declare("lstm_head.bias_hh" + suffix, initial.uniform(bound, 4 * hidden)));
      }
    }
    double outer = 1 / Math.sqrt(2.0 * hidden);
    mlp.add(declare.declare("mlp_head.0.weight", initial.kaimingUniform(2 * hidden, 2 * hidden)));
    mlp.add(declare.declare("mlp_head.0.bias", initial.uniform(outer, 2 * hidden)));
    mlp.add(declare.declare("mlp_head.2.weight", initial.kaimingUniform(d, 2 * hidden)));
    mlp.add(declare.declare("mlp_head.2.bias", initial.uniform(outer, d)));
    Kernel sized = LSTM.with("layers", layers).with("hidden", hidden).with("dropout", dropout);
    this.kernel = sized.with("training", false);
    this.trainingKernel = sized.with("training", true);
  }

  @Override
  public NDArray forward(NDArray vectors, boolean training) {
    return (training ? trainingKernel : kernel)
        .callWithLists(new NDList(vectors), values(lstm), values(mlp))
        .singletonOrThrow();
  }

  private static NDList values(List<Trainable> tensors) {
    NDList values = new NDList();
    tensors.forEach(tensor -> values.add(tensor.value()));
    return values;
  }
}
