package io.github.peft4j;

import io.github.peft4j.tuner.Site;
import java.util.List;

/**
 * A method that AdapterHub's library has, so that its adapters can be read from and written to that
 * library's folders. The config's record has the library's fields.
 *
 * @param <C> the method's config
 */
public interface AdapterHubMethod<C extends PeftConfig> extends PeftMethod<C> {

  /** {@code architecture} in the library's config; empty for bottleneck adapters, without one. */
  String architecture();

  /**
   * The names of a tensor in the library's file: the first is read, all are written.
   *
   * @param site the rewritten site
   * @param key the tensor's key in its layer
   * @param adapter the adapter's name
   */
  List<String> adapterHubNames(Site<?, ?> site, String key, String adapter);
}
