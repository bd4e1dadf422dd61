package io.github.peft4j.kernel;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * A stretch of code after which every array made in it is freed, except those it keeps.
 *
 * <p>The garbage collector does not see native memory: an intermediate that Python would have freed
 * at once stays until it is closed. Scopes are nested, belong to one thread, and hand what they
 * keep to the scope around them.
 *
 * <pre>{@code
 * try (Scope scope = new Scope()) {
 *   NDArray h = norm.forward(x);
 *   return scope.keep(feedForward.forward(h));
 * }
 * }</pre>
 */
public final class Scope implements AutoCloseable {

  private final NDScope arrays = new NDScope();
  private final List<NDArray> kept = new ArrayList<>();

  /**
   * Keeps an array of this scope: it moves to the enclosing scope. Without one, the caller closes
   * it.
   */
  public NDArray keep(NDArray array) {
    NDScope.unregister(array);
    kept.add(array);
    return array;
  }

  /**
   * Takes an array out of all scopes. The caller closes it.
   *
   * @param array an array made in the innermost scope
   * @return the array
   */
  public static NDArray release(NDArray array) {
    NDScope.unregister(array);
    return array;
  }

  /**
   * Runs code in a new scope and keeps its result.
   *
   * @param input an array from outside; if the code returns it unchanged, it stays in its own scope
   * @param code computes the result
   * @return the result
   */
  public static NDArray keeping(NDArray input, Supplier<NDArray> code) {
    try (Scope scope = new Scope()) {
      NDArray result = code.get();
      return result == input ? result : scope.keep(result);
    }
  }

  @Override
  public void close() {
    arrays.close();
    kept.forEach(NDScope::register);
  }
}
