package io.github.peft4j.chat.python;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Python's comparisons. */
public final class Comparison {

  private record Keyed(Object key, Object value) {}

  private Comparison() {}

  /** {@code left == right}. */
  public static boolean equal(Object left, Object right, Budget budget) {
    budget.spend(1);
    if (left == right) {
      return !(left instanceof Double number && number.isNaN());
    }
    if (Numbers.isNumber(left) && Numbers.isNumber(right)) {
      Integer order = order(left, right);
      return order != null && order == 0;
    }
    String text = Sequences.text(left);
    if (text != null) {
      budget.spendOn(left);
      return text.equals(Sequences.text(right));
    }
    if (left instanceof Map<?, ?> a && right instanceof Map<?, ?> b) {
      return equal(a, b, budget);
    }
    boolean sameKind = left.getClass() == right.getClass() || left instanceof List;
    List<Object> a = sameKind ? Sequences.items(left) : null;
    List<Object> b = left instanceof List == right instanceof List ? Sequences.items(right) : null;
    if (a != null && b != null && !(left instanceof View)) {
      return equal(a, b, budget);
    }
    return left.equals(right);
  }

  private static boolean equal(Map<?, ?> left, Map<?, ?> right, Budget budget) {
    if (left.size() != right.size()) {
      return false;
    }
    budget.enter();
    for (Map.Entry<?, ?> entry : left.entrySet()) {
      Object other = right.get(entry.getKey());
      if (other == null || !equal(entry.getValue(), other, budget)) {
        budget.leave();
        return false;
      }
    }
    budget.leave();
    return true;
  }

  private static boolean equal(List<Object> left, List<Object> right, Budget budget) {
    if (left.size() != right.size()) {
      return false;
    }
    budget.enter();
    Iterator<Object> other = right.iterator();
    for (Object item : left) {
      if (!equal(item, other.next(), budget)) {
        budget.leave();
        return false;
      }
    }
    budget.leave();
    return true;
  }

  /** The order of two numbers; null if one is not a number. */
  private static @Nullable Integer order(Object left, Object right) {
    if (left instanceof Double || right instanceof Double) {
      double a = left instanceof Double d ? d : 0;
      double b = right instanceof Double d ? d : 0;
      if (Double.isNaN(a) || Double.isNaN(b)) {
        return null;
      }
      if (Double.isInfinite(a) || Double.isInfinite(b)) {
        return Double.compare(a, b);
      }
      return exact(left).compareTo(exact(right));
    }
    return Numbers.big(left).compareTo(Numbers.big(right));
  }

  private static BigDecimal exact(Object number) {
    return number instanceof Double d ? new BigDecimal(d) : new BigDecimal(Numbers.big(number));
  }

  /** {@code left < right}, {@code <=}, {@code >} or {@code >=}. */
  public static boolean holds(String operator, Object left, Object right, Budget budget) {
    Integer order = compare(left, right, operator, budget);
    if (order == null) {
      return false;
    }
    return switch (operator) {
      case "<" -> order < 0;
      case "<=" -> order <= 0;
      case ">" -> order > 0;
      default -> order >= 0;
    };
  }

  /** The order of two values; null if there is none because of a NaN. */
  public static @Nullable Integer compare(
      Object left, Object right, String operator, Budget budget) {
    budget.spend(1);
    if (Numbers.isNumber(left) && Numbers.isNumber(right)) {
      return order(left, right);
    }
    String a = Sequences.text(left);
    String b = Sequences.text(right);
    if (a != null && b != null) {
      budget.spendOn(left);
      return compare(a, b);
    }
    if ((left instanceof List && right instanceof List)
        || (left instanceof Tuple && right instanceof Tuple)) {
      return compareItems(Sequences.list(left), Sequences.list(right), operator, budget);
    }
    Undefined undefined = left instanceof Undefined u ? u : right instanceof Undefined u ? u : null;
    throw new PythonException(
        undefined != null
            ? undefined.message()
            : "'%s' not supported between instances of '%s' and '%s'"
                .formatted(operator, Sequences.type(left), Sequences.type(right)));
  }

  /** By code points, which is not the order of Java's characters. */
  private static int compare(String left, String right) {
    int i = 0;
    while (i < left.length() && i < right.length() && left.charAt(i) == right.charAt(i)) {
      i++;
    }
    if (i == left.length() || i == right.length()) {
      return Integer.compare(left.length(), right.length());
    }
    if (i > 0
        && Character.isLowSurrogate(left.charAt(i))
        && Character.isHighSurrogate(left.charAt(i - 1))) {
      i--;
    }
    return Integer.compare(left.codePointAt(i), right.codePointAt(i));
  }

  private static @Nullable Integer compareItems(
      List<Object> left, List<Object> right, String operator, Budget budget) {
    budget.enter();
    for (int i = 0; i < Math.min(left.size(), right.size()); i++) {
      if (!equal(left.get(i), right.get(i), budget)) {
        Integer order = compare(left.get(i), right.get(i), operator, budget);
        budget.leave();
        return order;
      }
    }
    budget.leave();
    return Integer.compare(left.size(), right.size());
  }

  /** {@code item in container}. */
  public static boolean contains(Object container, Object item, Budget budget) {
    String text = Sequences.text(container);
    if (text != null) {
      String part = Sequences.text(item);
      if (part == null) {
        throw new PythonException(
            "'in <string>' requires string as left operand, not " + Sequences.type(item));
      }
      budget.spendOn(container);
      return text.contains(part);
    }
    Map<Object, Object> map = Sequences.dict(container);
    if (container instanceof View view && view.kind() == View.Kind.KEYS) {
      map = view.map();
    }
    if (map != null) {
      return map.containsKey(Keys.key(item));
    }
    if (!Sequences.isIterable(container)) {
      throw new PythonException(
          "argument of type '" + Sequences.type(container) + "' is not iterable");
    }
    Iterator<Object> each = Sequences.iterate(container);
    while (each.hasNext()) {
      Object other = each.next();
      if (other == item || equal(other, item, budget)) {
        return true;
      }
    }
    return false;
  }

  /** The items in the order of their keys. */
  public static List<Object> sorted(
      List<Object> items, UnaryOperator<Object> key, boolean reverse, Budget budget) {
    List<Keyed> keyed = new ArrayList<>();
    items.forEach(item -> keyed.add(new Keyed(key.apply(item), item)));
    Comparator<Keyed> order =
        (a, b) -> {
          Integer sign = Comparison.compare(a.key(), b.key(), "<", budget);
          return sign == null ? 0 : sign;
        };
    try {
      keyed.sort(reverse ? Collections.reverseOrder(order) : order);
    } catch (IllegalArgumentException e) {
      throw new PythonException("NaN among other numbers cannot be sorted");
    }
    List<Object> sorted = new ArrayList<>();
    keyed.forEach(each -> sorted.add(each.value()));
    return sorted;
  }
}
