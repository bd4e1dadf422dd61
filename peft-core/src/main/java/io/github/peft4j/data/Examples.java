package io.github.peft4j.data;

import java.util.Collection;
import java.util.List;

/**
 * A source of examples: a {@link Dataset}, or a table of a data file.
 *
 * @param <E> the type of the examples
 */
@FunctionalInterface
public interface Examples<E extends Example> {

  /**
   * The examples.
   *
   * @return the same examples in the same order on every call
   */
  Dataset<E> dataset();

  /**
   * A data set of these examples.
   *
   * @param examples the examples
   * @param <E> the type of the examples
   * @return the data set
   */
  @SafeVarargs
  @SuppressWarnings("varargs") // The list is a copy.
  static <E extends Example> Dataset<E> of(E... examples) {
    return new Dataset<>(List.of(examples));
  }

  /**
   * A data set of the examples in a collection.
   *
   * @param examples the examples; copied
   * @param <E> the type of the examples
   * @return the data set
   */
  static <E extends Example> Dataset<E> of(Collection<? extends E> examples) {
    return new Dataset<>(List.copyOf(examples));
  }
}
