package io.github.peft4j.transformer.block;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.pass.PackedTexts;
import io.github.peft4j.transformer.pass.Pass;
import java.util.stream.LongStream;

/**
 * T5's relative positions (Raffel et al. 2019, arXiv:1910.10683, §2.1): a learned number for each
 * head and each distance between query and key is added to the scores. Each near distance has a
 * bucket of its own; far distances share logarithmically wider buckets. All layers of a stack share
 * the table.
 */
public final class RelativePositions extends ScoreBias {

  private static final String SPREAD =
      """
      def spread(far: Tensor) -> Tensor:                         # distances to buckets
          exact = {buckets} // 2
          share = torch.div(torch.log(torch.div(torch.to(far, 6), exact)), {logarithm})
          wide = torch.add(torch.to(torch.mul(share, {buckets} - exact), 4), exact)
          return torch.where(torch.lt(far, exact), far, torch.clamp(wide, None, {buckets} - 1))
      """;

  /**
   * The bias of queries at positions start … start + T - 1 for keys at positions 0 … P - 1, P =
   * ahead + start + T, plus the bias (B, 1, T, S) that masks the last S of these keys: (B, H, T,
   * P). The distance to keys before the sequence does not count the texts between, {@code before}.
   */
  private static final Kernel BIAS =
      Kernel.of(
          SPREAD
              + """
              def bias(x: Tensor, table: Tensor, mask: Tensor, start: Tensor, ahead: Tensor, before: Tensor) -> Tensor:
                  first = int(start)
                  t = torch.size(x, 1)
                  end = int(ahead) + first + t
                  keys = torch.arange(end, dtype=4, layout=None, device=x.device)
                  queries = torch.unsqueeze(torch.narrow(keys, 0, first, t), 1)
                  skipped = torch.mul(torch.unsqueeze(before, 2), torch.lt(keys, end - t))
                  distance = torch.add(torch.sub(keys, queries), skipped)
                  values = torch.embedding(table, {bucket})          # (B or 1, T, P, H)
                  values = torch.permute(values, [0, 3, 1, 2])
                  missing = end - torch.size(mask, 3)
                  return torch.add(values.to(x.dtype), torch.constant_pad_nd(mask, [missing, 0], 0))
              """);

  private static final Kernel BUCKETS =
      Kernel.of(
          SPREAD
              + """
              def buckets(distance: Tensor) -> Tensor:
                  return {bucket}
              """);

  private static final String BEHIND = "spread(torch.neg(torch.clamp(distance, None, 0)))";
  private static final String BOTH_WAYS =
      "torch.add(torch.mul(torch.gt(distance, 0), {buckets}), spread(torch.abs(distance)))";

  private final Embedding table;
  private final Kernel bias;

  /**
   * Creates the positions.
   *
   * @param table [buckets, H]
   * @param most the distance from which all share the last bucket
   * @param bothWays whether keys after the query have buckets of their own, half of all
   */
  public RelativePositions(Embedding table, int most, boolean bothWays) {
    super(table.name());
    this.table = part(table);
    this.bias = with(BIAS, table.entries(), most, bothWays);
  }

  private static Kernel with(Kernel kernel, long entries, int most, boolean bothWays) {
    long buckets = bothWays ? entries / 2 : entries;
    long exact = buckets / 2; // half of the buckets hold one distance each
    return kernel
        .with("bucket", bothWays ? BOTH_WAYS : BEHIND)
        .with("buckets", buckets)
        .with("logarithm", Math.log((double) most / exact));
  }

  /**
   * The bucket of each distance of a query from a key: -n … n, n being the distance from which all
   * share the last bucket.
   *
   * @param entries the number of buckets
   * @param most n
   * @param bothWays whether keys after the query have buckets of their own
   */
  public static long[] buckets(long entries, int most, boolean bothWays) {
    try (NDManager manager = Tensors.newManager(Device.cpu());
        Scope scope = new Scope()) {
      NDArray ofKeys = manager.create(LongStream.rangeClosed(-most, most).map(d -> -d).toArray());
      return with(BUCKETS, entries, most, bothWays).call(ofKeys).toLongArray();
    }
  }

  @Override
  NDArray forward(NDArray x, NDArray mask, Pass pass) {
    pass.requireNumbers("relative positions are counted on the host");
    PackedTexts texts = pass.texts();
    NDArray start = Tensors.scalar(pass.start());
    NDArray ahead = Tensors.scalar(pass.keyOffset());
    NDArray before =
        texts == null ? x.getManager().zeros(new Shape(1, 1), DataType.INT64) : texts.before();
    return bias.call(x, table.weight(pass), mask, start, ahead, before);
  }
}
