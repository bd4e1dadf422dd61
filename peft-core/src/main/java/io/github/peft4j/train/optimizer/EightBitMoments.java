package io.github.peft4j.train.optimizer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.BoundKernel;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.quantization.bitsandbytes.DynamicMap;
import io.github.peft4j.tuner.Trainable;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * AdamW whose two moments are codes of 8 bits, as bitsandbytes' AdamW8bit keeps them (Dettmers et
 * al. 2021, arXiv:2110.02861). A tensor of n elements has ⌈n / 256⌉ blocks. A moment is a {@link
 * DynamicMap}'s number times the largest amount in its block. An update computes in 32 bits:
 *
 * <pre>
 * m = map(state1) absmax1      v = map(state2) absmax2
 * m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²
 * p ← p − lr λ p               p ← p − lr / (1 − β₁ˢ) · m / (√v / √(1 − β₂ˢ) + ε)
 * absmax ← max |m| of a block  state ← the code whose number is nearest to m / absmax
 * </pre>
 */
final class EightBitMoments implements AutoCloseable {

  /** Elements of a block. */
  static final int BLOCK = 256;

  /** Blocks of a tensor that are computed at once, in a few arrays of 2 MiB. */
  private static final int CHUNK = 1 << 11;

  private static final Kernel UPDATE =
      Kernel.of(
              """
          def restored(codes: Tensor, absmax: Tensor, values: Tensor) -> Tensor:       # (blocks, 256)
              x = torch.index_select(values, 0, torch.to(torch.reshape(codes, [-1]), 3))
              return torch.mul_(torch.view(x, [-1, 256]), torch.unsqueeze(absmax, 1))

          def nearest(x: Tensor, middles: Tensor, starts: Tensor) -> Tensor:           # codes of (n)
              place = torch.add_(torch.bitwise_right_shift(torch.view_copy(x, dtype=3), 16), 32768)
              start = torch.index_select(starts, 0, place)
              return torch.add_(start, torch.gt(x, torch.index_select(middles, 0, torch.to(start, 3))))

          def store(x: Tensor, codes: Tensor, absmax: Tensor, middles: Tensor, starts: Tensor):
              torch.copy_(absmax, torch.amax(torch.abs(x), [1]))
              factors = torch.unsqueeze(torch.reciprocal(torch.clamp_min(absmax, 1e-38)), 1)
              scaled = torch.view(torch.mul_(x, factors), [-1])
              torch.copy_(codes, torch.view(nearest(scaled, middles, starts), [-1, 256]))

          def update(p: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], largest1: List[Tensor], largest2: List[Tensor], s: List[Tensor], maps: List[Tensor], rate: float) -> Tensor:
              for i in range(len(p)):
                  size = torch.numel(p[i])
                  blocks = torch.size(m[i], 0)
                  values = torch.reshape(torch.detach(p[i]), [-1])
                  gradients = torch.reshape(g[i], [-1])
                  step = torch.to(s[i], 7)
                  rate1 = torch.div(-rate, torch.rsub(torch.pow({beta1}, step), 1))
                  root2 = torch.sqrt(torch.rsub(torch.pow({beta2}, step), 1))
                  start = 0
                  while start < blocks:
                      count = min({chunk}, blocks - start)
                      n = min(count * 256, size - start * 256)
                      x = torch.narrow(gradients, 0, start * 256, n)
                      x = torch.view(torch.constant_pad_nd(x, [0, count * 256 - n], 0), [count, 256])
                      codes1 = torch.narrow(m[i], 0, start, count)
                      codes2 = torch.narrow(v[i], 0, start, count)
                      absmax1 = torch.narrow(largest1[i], 0, start, count)
                      absmax2 = torch.narrow(largest2[i], 0, start, count)
                      first = torch.mul_(restored(codes1, absmax1, maps[0]), {beta1})
                      torch.add_(first, x, alpha=1.0 - {beta1})
                      second = torch.mul_(restored(codes2, absmax2, maps[2]), {beta2})
                      torch.addcmul_(second, x, x, value=1.0 - {beta2})
                      divisor = torch.add_(torch.div_(torch.sqrt(second), root2), {epsilon})
                      change = torch.div_(torch.mul(first, rate1), divisor)
                      y = torch.mul_(torch.narrow(values, 0, start * 256, n), 1.0 - rate * {decay})
                      torch.add_(y, torch.narrow(torch.view(change, [-1]), 0, 0, n))
                      store(first, codes1, absmax1, maps[1], maps[4])
                      store(second, codes2, absmax2, maps[3], maps[5])
                      start = start + count
                  if not torch.is_contiguous(p[i]):
                      torch.copy_(p[i], torch.view(values, torch.size(p[i])))
              return s[0]
          """)
          .with("chunk", CHUNK);
  private static final Kernel COUNT =
      Kernel.of(
          """
          def count(s: List[Tensor]) -> Tensor:
              torch._foreach_add_(s, 1)
              return s[0]
          """);

  /**
   * The numbers of both maps, each followed by the middles between them, and then the starts of
   * both; by the place of the tensors that need them.
   */
  private final Map<Object, NDList> maps = new HashMap<>();

  /** Whether a tensor can have such moments: updates of other types are not computed in 32 bits. */
  static boolean fit(Trainable tensor) {
    return tensor.value().getDataType() == DataType.FLOAT32;
  }

  /** The blocks of a tensor of this many elements. */
  static long blocks(long elements) {
    return (elements + BLOCK - 1) / BLOCK;
  }

  /** Moments of zero, by bitsandbytes' names. */
  static Map<String, NDArray> fresh(Trainable tensor) {
    NDManager manager = tensor.value().getManager();
    long blocks = blocks(tensor.size());
    Map<String, NDArray> slot = new LinkedHashMap<>();
    slot.put("state1", zeros(manager, DataType.UINT8, blocks, BLOCK));
    slot.put("state2", zeros(manager, DataType.UINT8, blocks, BLOCK));
    slot.put("absmax1", zeros(manager, DataType.FLOAT32, blocks));
    slot.put("absmax2", zeros(manager, DataType.FLOAT32, blocks));
    slot.put("step", zeros(manager, DataType.FLOAT32));
    return slot;
  }

  private static NDArray zeros(NDManager manager, DataType type, long... shape) {
    return Scope.release(manager.zeros(new Shape(shape), type));
  }

  /** An update by CUDA text where that can run, and by TorchScript everywhere else. */
  private record Bound(
      BoundKernel count,
      @Nullable EightBitText text,
      BoundKernel kernel,
      AdamW.Settings settings,
      double decay)
      implements BoundUpdate {

    @Override
    public void run(double rate) {
      count.call().close();
      if (text == null || !text.run(rate, settings, decay)) {
        kernel.call(rate).close();
      }
    }

    @Override
    public void close() {
      count.close();
      if (text != null) {
        text.close();
      }
      kernel.close();
    }
  }

  /** The update of some tensors. */
  BoundUpdate bind(AdamW.Settings settings, double decay, GroupedOptimizer.Members members) {
    NDArray first = members.values().get(0);
    NDList tables = maps.computeIfAbsent(Tensors.place(first), any -> maps(first.getManager()));
    BoundKernel kernel =
        UPDATE
            .with("beta1", settings.beta1())
            .with("beta2", settings.beta2())
            .with("epsilon", settings.epsilon())
            .with("decay", decay)
            .bind(
                members.values(),
                members.gradients(),
                members.states("state1"),
                members.states("state2"),
                members.states("absmax1"),
                members.states("absmax2"),
                members.states("step"),
                tables);
    return new Bound(
        COUNT.bind(members.states("step")),
        EightBitText.of(members, tables.subNDList(0, 4)),
        kernel,
        settings,
        decay);
  }

  private static NDList maps(NDManager manager) {
    NDList made = new NDList();
    NDList starts = new NDList();
    for (boolean signed : new boolean[] {true, false}) {
      float[] values = DynamicMap.values(signed);
      float[] middles = DynamicMap.middles(values);
      ByteBuffer table = ByteBuffer.wrap(DynamicMap.starts(middles));
      made.add(Scope.release(manager.create(values)));
      made.add(Scope.release(manager.create(middles)));
      starts.add(Scope.release(manager.create(table, new Shape(table.capacity()), DataType.UINT8)));
    }
    return made.addAll(starts);
  }

  @Override
  public void close() {
    maps.values().forEach(NDList::close);
    maps.clear();
  }
}
