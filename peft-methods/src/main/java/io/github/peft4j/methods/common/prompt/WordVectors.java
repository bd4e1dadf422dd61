package io.github.peft4j.methods.common.prompt;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.InputSite;
import java.util.stream.LongStream;

/** Vectors of the model's own tokens, for initialising prompts. */
public final class WordVectors {

  private static final Kernel ROWS =
      Kernel.of(
          """
          def rows(table: Tensor, ids: Tensor) -> Tensor:        # table (V, d), ids (n) → (n, d)
              vectors = torch.embedding(table, ids)
              factor = torch.ones([], dtype=table.dtype, layout=None, device=table.device)
              return torch.mul(vectors, torch.mul(factor, {scale}))
          """);

  private WordVectors() {}

  /** Copies of the vectors (n, d) of these tokens, as they enter the sequence. */
  public static NDArray of(long[] ids, InputSite input, Sites sites) {
    NDArray table = input.embedding().weight().frozen();
    try (NDArray indices = table.getManager().create(ids, new Shape(ids.length));
        NDArray vectors = ROWS.with("scale", input.scale()).call(table, indices)) {
      return sites.initial().copy(vectors);
    }
  }

  /**
   * Copies of the vectors (size, d) of a text's tokens. The text is repeated or cut to fit.
   *
   * @param field the config field that holds the text, for error messages
   */
  public static NDArray of(String text, int size, String field, InputSite input, Sites sites) {
    long[] ids = sites.words().encode().apply(text);
    if (ids.length == 0) {
      throw new IllegalArgumentException(field + " has no tokens; expected a text");
    }
    return of(
        LongStream.range(0, size).map(i -> ids[(int) (i % ids.length)]).toArray(), input, sites);
  }
}
