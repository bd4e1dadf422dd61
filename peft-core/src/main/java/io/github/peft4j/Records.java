package io.github.peft4j;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Records by the names of their components. */
final class Records {

  private Records() {}

  /**
   * A record of these values.
   *
   * @throws RuntimeException what its constructor throws
   */
  static <C> C of(Class<C> type, List<Object> arguments) {
    try {
      Class<?>[] types =
          Arrays.stream(type.getRecordComponents())
              .map(RecordComponent::getType)
              .toArray(Class<?>[]::new);
      Constructor<C> constructor = type.getDeclaredConstructor(types);
      constructor.setAccessible(true);
      return constructor.newInstance(arguments.toArray());
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException(e);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  /** A copy with one component changed. */
  static <C> C with(C record, String component, @Nullable Object value) {
    component(record, component);
    List<Object> arguments = new ArrayList<>();
    for (RecordComponent c : record.getClass().getRecordComponents()) {
      arguments.add(c.getName().equals(component) ? value : value(record, c));
    }
    @SuppressWarnings("unchecked")
    Class<C> type = (Class<C>) record.getClass();
    return of(type, arguments);
  }

  /** The value of a component; null if there is none of this name. */
  static @Nullable Object find(Object record, String component) {
    return Arrays.stream(record.getClass().getRecordComponents())
        .filter(each -> each.getName().equals(component))
        .findFirst()
        .map(each -> value(record, each))
        .orElse(null);
  }

  /** The value of a component. */
  static @Nullable Object value(Object record, String component) {
    return value(record, component(record, component));
  }

  /** The value of a component. */
  static @Nullable Object value(Object record, RecordComponent component) {
    try {
      component.getAccessor().setAccessible(true);
      return component.getAccessor().invoke(record);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  private static RecordComponent component(Object record, String name) {
    return Arrays.stream(record.getClass().getRecordComponents())
        .filter(component -> component.getName().equals(name))
        .findFirst()
        .orElseThrow(
            () -> new IllegalArgumentException(record.getClass() + " has no component " + name));
  }
}
