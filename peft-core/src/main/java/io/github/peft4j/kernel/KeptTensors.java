package io.github.peft4j.kernel;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import io.github.peft4j.kernel.Derivative.Again;
import io.github.peft4j.kernel.Derivative.Argument;
import io.github.peft4j.kernel.Derivative.Role;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What the derivatives of a segment read. Each tensor is kept once, and is freed after its last
 * reader. The result of a {@linkplain Kernel#cheap cheap} kernel is computed again when its first
 * reader asks for it, if to keep the kernel's arguments costs less memory.
 */
final class KeptTensors {

  private final IdentityHashMap<NDArray, Kept> kept = new IdentityHashMap<>();
  private final IdentityHashMap<NDArray, Recipe> recipes = new IdentityHashMap<>();

  /** How a result is computed again. */
  private record Recipe(Kernel kernel, List<NDArray> arguments) {}

  /** Remembers how a result is computed again, if its kernel is cheap. */
  void offer(NDArray result, Derivative derivative, NDList arguments, NDList results) {
    Again again = derivative.again();
    if (again != null) {
      recipes.put(
          result,
          new Recipe(
              again.kernel(),
              again.arguments().stream()
                  .map(argument -> array(argument, arguments, results))
                  .toList()));
    }
  }

  /** The input or the kept result that an argument stands for. */
  static NDArray array(Argument argument, NDList arguments, NDList results) {
    return argument.role() == Role.KEPT
        ? results.get(1 + argument.index())
        : arguments.get(argument.index());
  }

  /** Keeps a tensor for one more reader. */
  Kept keep(NDArray array) {
    Kept entry = kept.get(array);
    if (entry == null) {
      Recipe recipe = recipes.get(array);
      entry =
          recipe != null && cost(recipe) < own(array)
              ? new Kept(recipe.kernel, recipe.arguments.stream().map(this::keep).toList())
              : new Kept(Scope.release(Autograd.detach(array)));
      kept.put(array, entry);
    }
    entry.readers++;
    return entry;
  }

  /** The bytes that it would take to keep a tensor. */
  private double cost(NDArray array) {
    Recipe recipe = recipes.get(array);
    if (kept.containsKey(array)) {
      return 0;
    }
    return recipe == null ? own(array) : Math.min(own(array), cost(recipe));
  }

  private double cost(Recipe recipe) {
    return recipe.arguments.stream().mapToDouble(this::cost).sum();
  }

  /** The bytes of a tensor; those of one that is closed cannot be had. */
  private static double own(NDArray array) {
    return Kernel.native_(array).isReleased()
        ? Double.POSITIVE_INFINITY
        : (double) array.size() * bytes(array.getDataType());
  }

  /** DJL does not know the type of a bfloat16 tensor. */
  private static int bytes(DataType type) {
    return type == DataType.UNKNOWN ? Short.BYTES : type.getNumOfBytes();
  }

  /** The bytes of all tensors that are kept, whoever else has their memory. */
  long bytes() {
    return (long)
        kept.values().stream()
            .map(entry -> entry.array)
            .filter(Objects::nonNull)
            .mapToDouble(KeptTensors::own)
            .sum();
  }

  /** Frees all. */
  void close() {
    kept.values().forEach(Kept::close);
  }

  /** A tensor that derivatives read, until the last of them has run. */
  static final class Kept {
    private final @Nullable Kernel again;
    private final List<Kept> arguments;
    private @Nullable NDArray array;
    private int readers;

    private Kept(NDArray array) {
      this.array = array;
      this.again = null;
      this.arguments = List.of();
    }

    private Kept(Kernel again, List<Kept> arguments) {
      this.again = again;
      this.arguments = arguments;
    }

    /** The tensor, which is computed now if it was not kept. */
    NDArray array() {
      NDArray present = array;
      if (present == null) {
        present = computed();
        array = present;
      }
      return present;
    }

    private NDArray computed() {
      NDList values = new NDList();
      arguments.forEach(argument -> values.add(argument.array()));
      NDList results = requireNonNull(again).run(values);
      NDArray first = Scope.release(results.get(0));
      results.subList(1, results.size()).forEach(NDArray::close);
      arguments.forEach(Kept::release);
      return first;
    }

    /** One reader is done. */
    void release() {
      readers--;
      if (readers == 0) {
        if (array == null) {
          arguments.forEach(Kept::release); // no gradient arrived at the readers
        }
        close();
      }
    }

    private void close() {
      if (array != null) {
        array.close();
      }
    }
  }
}
