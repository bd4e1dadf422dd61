package io.github.peft4j.io.torch;

import java.math.BigInteger;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Objects;

/**
 * Reads a pickle without running it: the opcodes that Python's {@code pickle} writes for
 * dictionaries, lists, tuples, texts and numbers, in protocols 2 to 5 ({@code pickletools} of
 * Python describes them). What a class or function of the pickle means is the caller's decision;
 * none is ever called.
 */
final class Pickle {

  /** Decides what the names in a pickle mean. Arguments that do not fit may be refused by casts. */
  interface Meaning {
    /** What the file keeps outside of the pickle under an id. */
    Object persistent(List<?> id);

    /** The result of a function. */
    Object call(String function, List<?> arguments);
  }

  /** A class or function, such as {@code collections.OrderedDict}. */
  record Global(String name) {}

  /** Python's None. */
  static final Object NONE = new Object();

  private static final Object MARK = new Object();
  private static final int DEEPEST = 1 << 20;

  private final Object file;
  private final ByteBuffer in;
  private final Meaning meaning;
  private final Deque<Object> stack = new ArrayDeque<>();
  private final Map<Integer, Object> memo = new HashMap<>();

  private Pickle(Object file, ByteBuffer in, Meaning meaning) {
    this.file = file;
    this.in = in.order(ByteOrder.LITTLE_ENDIAN);
    this.meaning = meaning;
  }

  /**
   * Reads one pickle. The buffer's position is behind it afterwards.
   *
   * @param file what messages begin with
   * @return text, {@code Long}, {@code BigInteger}, {@code Double}, {@code Boolean}, {@link #NONE},
   *     {@code List}, {@code Map}, or what {@code meaning} returned
   * @throws TorchFileException if it is damaged or holds anything else
   */
  static Object read(Object file, ByteBuffer in, Meaning meaning) {
    try {
      return new Pickle(file, in, meaning).run();
    } catch (BufferUnderflowException
        | ClassCastException
        | NullPointerException
        | IndexOutOfBoundsException
        | NoSuchElementException e) {
      throw TorchFileException.damaged(file, "its pickle is malformed", e);
    }
  }

  private Object run() {
    while (true) {
      int code = Byte.toUnsignedInt(in.get());
      switch (code) {
        case 0x80 -> in.get(); // PROTO
        case 0x95 -> in.getLong(); // FRAME
        case '}' -> push(new LinkedHashMap<Object, Object>()); // EMPTY_DICT
        case ']' -> push(new ArrayList<Object>()); // EMPTY_LIST
        case ')' -> push(List.of()); // EMPTY_TUPLE
        case '(' -> push(MARK);
        case 'N' -> push(NONE);
        case 0x88 -> push(true);
        case 0x89 -> push(false);
        case 'K' -> push((long) Byte.toUnsignedInt(in.get())); // BININT1
        case 'M' -> push((long) Short.toUnsignedInt(in.getShort())); // BININT2
        case 'J' -> push((long) in.getInt()); // BININT
        case 0x8a -> push(number(Byte.toUnsignedInt(in.get()))); // LONG1
        case 'G' -> push(in.order(ByteOrder.BIG_ENDIAN).getDouble()); // BINFLOAT
        case 'X', 'T' -> push(text(in.getInt())); // BINUNICODE, BINSTRING
        case 0x8c, 'U' -> push(text(Byte.toUnsignedInt(in.get()))); // SHORT_…
        case 0x8d -> push(text(in.getLong())); // BINUNICODE8
        case 'c' -> push(new Global(line() + "." + line()));
        case 0x93 -> stackGlobal();
        case 'q' -> memo.put(Byte.toUnsignedInt(in.get()), stack.element()); // BINPUT
        case 'r' -> memo.put(in.getInt(), stack.element()); // LONG_BINPUT
        case 0x94 -> memo.put(memo.size(), stack.element()); // MEMOIZE
        case 'h' -> push(remembered(Byte.toUnsignedInt(in.get()))); // BINGET
        case 'j' -> push(remembered(in.getInt())); // LONG_BINGET
        case 't' -> push(Collections.unmodifiableList(sinceMark())); // TUPLE
        case 0x85 -> tuple(1);
        case 0x86 -> tuple(2);
        case 0x87 -> tuple(3);
        case 'a' -> append(List.of(stack.pop())); // APPEND
        case 'e' -> append(sinceMark()); // APPENDS
        case 'Q' -> push(meaning.persistent((List<?>) stack.pop())); // BINPERSID
        case 'R' -> reduce();
        case 0x81 -> { // NEWOBJ
          stack.pop();
          throw unsupported("an object of " + ((Global) stack.pop()).name());
        }
        case 's' -> { // SETITEM
          Object value = stack.pop();
          put(List.of(stack.pop(), value));
        }
        case 'u' -> put(sinceMark()); // SETITEMS
        case 'b' -> build();
        case '.' -> {
          return stack.pop();
        }
        default -> throw unsupported("the opcode 0x" + Integer.toHexString(code));
      }
      in.order(ByteOrder.LITTLE_ENDIAN);
    }
  }

  private void push(Object value) {
    if (stack.size() == DEEPEST) {
      throw unsupported("more than " + DEEPEST + " values within each other");
    }
    stack.push(value);
  }

  private Object remembered(int key) {
    return Objects.requireNonNull(memo.get(key));
  }

  private List<Object> sinceMark() {
    List<Object> items = new ArrayList<>();
    for (Object item = stack.pop(); item != MARK; item = stack.pop()) {
      items.add(item);
    }
    Collections.reverse(items);
    return items;
  }

  private void tuple(int size) {
    Object[] items = new Object[size];
    for (int i = size - 1; i >= 0; i--) {
      items[i] = stack.pop();
    }
    push(List.of(items));
  }

  private void stackGlobal() {
    String name = (String) stack.pop();
    push(new Global(stack.pop() + "." + name));
  }

  @SuppressWarnings("unchecked")
  private void append(List<Object> items) {
    ((ArrayList<Object>) stack.element()).addAll(items);
  }

  /** Keys are texts and numbers: the hash of a structure that holds itself has no end. */
  @SuppressWarnings("unchecked")
  private void put(List<Object> items) {
    Map<Object, Object> map = (Map<Object, Object>) stack.element();
    for (int i = 0; i < items.size(); i += 2) {
      Object key = items.get(i);
      if (!(key instanceof String || key instanceof Long || key instanceof Boolean)) {
        throw unsupported("a dictionary with keys that are no text");
      }
      map.put(key, items.get(i + 1));
    }
  }

  private void reduce() {
    List<?> arguments = (List<?>) stack.pop();
    push(meaning.call(((Global) stack.pop()).name(), arguments));
  }

  /** The state of a dictionary is the _metadata of a state_dict, which nobody needs. */
  private void build() {
    stack.pop();
    if (!(stack.element() instanceof Map)) {
      throw unsupported("an object with a state of its own");
    }
  }

  private Object number(int bytes) {
    byte[] digits = new byte[bytes];
    in.get(digits);
    for (int i = 0; i < bytes / 2; i++) {
      byte low = digits[i];
      digits[i] = digits[bytes - 1 - i];
      digits[bytes - 1 - i] = low;
    }
    BigInteger value = bytes == 0 ? BigInteger.ZERO : new BigInteger(digits);
    return value.bitLength() < Long.SIZE ? (Object) value.longValue() : value;
  }

  private String text(long length) {
    if (length < 0 || length > in.remaining()) {
      throw new BufferUnderflowException();
    }
    byte[] bytes = new byte[(int) length];
    in.get(bytes);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private String line() {
    byte[] line = new byte[64];
    int n = 0;
    for (byte c = in.get(); c != '\n'; c = in.get()) {
      if (n == line.length) {
        line = Arrays.copyOf(line, 2 * n);
      }
      line[n++] = c;
    }
    return new String(line, 0, n, StandardCharsets.UTF_8);
  }

  private TorchFileException unsupported(String what) {
    return TorchFileException.unsupported(file, what);
  }
}
