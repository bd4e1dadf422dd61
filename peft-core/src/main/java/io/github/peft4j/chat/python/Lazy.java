package io.github.peft4j.chat.python;

import java.util.Iterator;

/** A generator: its values are made when they are asked for, and only once. */
public final class Lazy implements Iterator<Object> {

  private static final int DEEPEST = 50;

  private final Iterator<Object> values;
  private final Budget budget;
  private final int depth;

  /**
   * A generator of an iterator's values; each costs a step.
   *
   * @param values the values
   * @param source what they are made of: of generators, at most 50 can follow each other
   */
  public Lazy(Iterator<Object> values, Object source, Budget budget) {
    this.values = values;
    this.budget = budget;
    this.depth = source instanceof Lazy lazy ? lazy.depth + 1 : 0;
    if (depth > DEEPEST) {
      throw new PythonException("more than " + DEEPEST + " filters work on each other's items");
    }
  }

  @Override
  public boolean hasNext() {
    return values.hasNext();
  }

  @Override
  public Object next() {
    budget.spend(1);
    return values.next();
  }
}
