package io.github.peft4j.config;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Access to records by field name. A field is a component, or a component of a {@link ConfigPart}.
 */
public final class Records {

  private Records() {}

  /** The fields of a record, in order. */
  public static List<RecordComponent> fields(Class<?> type) {
    return Arrays.stream(type.getRecordComponents())
        .flatMap(c -> isPart(c) ? fields(c.getType()).stream() : Stream.of(c))
        .toList();
  }

  /**
   * Creates a record with these field values.
   *
   * @throws RuntimeException if the constructor throws it
   */
  public static <C> C of(Class<C> type, Function<String, @Nullable Object> values) {
    RecordComponent[] components = type.getRecordComponents();
    Object[] arguments =
        Arrays.stream(components)
            .map(c -> isPart(c) ? of(c.getType(), values) : values.apply(c.getName()))
            .toArray();
    try {
      Class<?>[] types =
          Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
      Constructor<C> constructor = type.getDeclaredConstructor(types);
      constructor.setAccessible(true);
      return constructor.newInstance(arguments);
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException(e);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The values of all fields. */
  public static Map<String, @Nullable Object> values(Object record) {
    Map<String, @Nullable Object> values = new TreeMap<>();
    for (RecordComponent component : record.getClass().getRecordComponents()) {
      Object value = value(record, component);
      if (value instanceof ConfigPart) {
        values.putAll(values(value));
      } else {
        values.put(component.getName(), value);
      }
    }
    return values;
  }

  private static @Nullable Object value(Object record, RecordComponent component) {
    try {
      component.getAccessor().setAccessible(true);
      return component.getAccessor().invoke(record);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  private static boolean isPart(RecordComponent component) {
    return ConfigPart.class.isAssignableFrom(component.getType());
  }
}
