package io.github.peft4j.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.head.LanguageModelHead;
import io.github.peft4j.tuner.site.EmbeddingSite;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Site;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;

/**
 * The tensors of a model that have a row for each token: the tables of its inputs, and of its
 * output if it is a language model. Resizing is transformers' {@code resize_token_embeddings} with
 * {@code mean_resizing}: new rows are drawn from a normal distribution with the mean of the old
 * rows and a billionth of their covariance (Hewitt 2021, "Initializing New Word Embeddings for
 * Pretrained Language Models"), so that new tokens are about as likely as an average one.
 */
final class TokenTables {

  /** The factor of the covariance. */
  private static final double EPSILON = 1e-9;

  private static final int ROWS_AT_ONCE = 32;

  // With g drawn from a standard normal distribution, gᵀ (W - mean) / √V has the covariance of W.
  private static final Kernel DRAW =
      Kernel.of(
          """
          def draw(table: Tensor, noise: Tensor, scale: Tensor) -> Tensor:   # (V, d), (n, V), ()
              mean = torch.mean(table, [0], True, dtype=6)                   # (1, d)
              drawn = torch.matmul(noise.to(table.dtype), table).to(mean.dtype)
              drawn = torch.sub(drawn, torch.mul(torch.sum(noise, [1], True), mean))
              return torch.add(mean, torch.mul(drawn, scale)).to(table.dtype)
          """);

  /** A constant bias has zeros for new tokens. */
  private static final Kernel PAD =
      Kernel.of(
          """
          def pad(bias: Tensor, rows: Tensor) -> Tensor:   # (1, V)
              return torch.constant_pad_nd(bias, [0, int(rows) - torch.size(bias, 1)], 0)
          """);

  private static final Kernel CUT =
      Kernel.of(
          """
          def cut(table: Tensor, rows: Tensor) -> Tensor:
              return torch.clone(torch.narrow(table, 0, 0, int(rows)))
          """);

  private final TransformerModel model;
  private final Map<ParameterSite, LinearSite> tied = new LinkedHashMap<>();
  private final Map<ParameterSite, NDArray> resized = new LinkedHashMap<>();

  /** Computes the resized tensors; the model does not change yet. */
  TokenTables(TransformerModel model, int rows, long seed) {
    this.model = model;
    Random random = new Random(seed);
    Autograd.without(
        () -> {
          try (Scope scope = new Scope()) {
            for (ParameterSite table : tables().toList()) {
              resized.put(table, scope.keep(resize(table.frozen(), rows, random)));
            }
            for (ParameterSite bias : biases().toList()) {
              resized.put(bias, scope.keep(resizeBias(bias, rows, random)));
            }
            return resized;
          }
        });
    outputs().filter(output -> output.table().isPresent()).forEach(o -> tied.put(o.weight(), o));
  }

  private Stream<ParameterSite> tables() {
    return Stream.concat(
            inputs().map(EmbeddingSite::weight),
            outputs().filter(output -> output.table().isEmpty()).map(LinearSite::weight))
        .distinct();
  }

  private Stream<ParameterSite> biases() {
    Stream<ParameterSite> own =
        model.head() instanceof LanguageModelHead head ? head.bias().stream() : Stream.empty();
    return Stream.concat(outputs().flatMap(output -> output.bias().stream()), own).distinct();
  }

  private Stream<EmbeddingSite> inputs() {
    return sites(InputSite.class).map(InputSite::embedding).distinct();
  }

  private Stream<LinearSite> outputs() {
    boolean classifies = !model.task().labels().isEmpty();
    return sites(LinearSite.class)
        .filter(site -> site.role() == LinearSite.Role.HEAD && !classifies);
  }

  private <S extends Site<?, ?>> Stream<S> sites(Class<S> type) {
    return model.sites().filter(type::isInstance).map(type::cast);
  }

  private static NDArray resize(NDArray table, int rows, Random random) {
    int present = (int) table.getShape().get(0);
    if (table.getShape().dimension() == 1) { // a bias: a table with one column
      return resize(table.reshape(present, 1), rows, random).reshape(rows);
    }
    if (rows <= present) {
      return CUT.call(table, Tensors.scalar(rows));
    }
    NDList blocks = new NDList(table);
    for (int from = present; from < rows; from += ROWS_AT_ONCE) {
      int count = Math.min(ROWS_AT_ONCE, rows - from);
      blocks.add(Scope.keeping(table, () -> draw(table, count, random)));
    }
    return NDArrays.concat(blocks);
  }

  /** A bias, (V); BART's final_logits_bias, (1, V), is a constant that grows by zeros. */
  private static NDArray resizeBias(ParameterSite bias, int rows, Random random) {
    NDArray values = bias.frozen();
    return bias.isBuffer() ? PAD.call(values, Tensors.scalar(rows)) : resize(values, rows, random);
  }

  private static NDArray draw(NDArray table, int rows, Random random) {
    int present = (int) table.getShape().get(0);
    float[] noise = new float[rows * present];
    for (int i = 0; i < noise.length; i++) {
      noise[i] = (float) random.nextGaussian();
    }
    return DRAW.call(
        table,
        table.getManager().create(noise, new Shape(rows, present)),
        table.getManager().create((float) Math.sqrt(EPSILON / present)));
  }

  /** Replaces the model's tensors. No pass may run meanwhile. */
  void use() {
    resized.forEach((table, value) -> table.replace(value, table.hasChanged()));
    tied.forEach(
        (weight, output) -> {
          NDArray table = output.table().orElseThrow().weight().frozen();
          weight.replace(Autograd.detach(table), weight.hasChanged());
        });
  }
}
