package io.github.peft4j.io.torch;

import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorInfo;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Reads the pickle of a dictionary of tensors (protocol 2, the opcodes of Python's {@code
 * pickletools}). It supports tensors, dictionaries, tuples, strings and numbers. Any other class or
 * function in the file is an error, and none is ever called.
 */
final class Unpickler {

  private static final Map<String, DType> STORAGES =
      Map.of(
          "torch FloatStorage", DType.F32,
          "torch DoubleStorage", DType.F64,
          "torch HalfStorage", DType.F16,
          "torch BFloat16Storage", DType.BF16,
          "torch LongStorage", DType.I64,
          "torch IntStorage", DType.I32,
          "torch ShortStorage", DType.I16,
          "torch CharStorage", DType.I8,
          "torch ByteStorage", DType.U8,
          "torch BoolStorage", DType.BOOL);
  private static final String TENSOR = "torch._utils _rebuild_tensor_v2";
  private static final String PARAMETER = "torch._utils _rebuild_parameter";
  private static final String DICTIONARY = "collections OrderedDict";

  private static final Object MARK = new Object();
  private static final Object NONE = new Object();

  private final String source;
  private final ByteBuffer in;
  private final Deque<Object> stack = new ArrayDeque<>();
  private final Map<Integer, Object> memo = new HashMap<>();

  /** A class or function by name. */
  private record Global(String name) {}

  /** A storage, as a tensor refers to it. */
  private record Storage(DType dtype, String key) {}

  /**
   * A tensor of the dictionary.
   *
   * @param storage the name of the file that holds its bytes
   * @param offset of its first byte there
   */
  record Tensor(TensorInfo info, String storage, long offset) {}

  private record Shape(Storage storage, long offset, long[] sizes) {}

  Unpickler(String source, byte[] pickle) {
    this.source = source;
    this.in = ByteBuffer.wrap(pickle).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** The tensors by name. */
  Map<String, Tensor> tensors() {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    try {
      if (!(run() instanceof Map<?, ?> map)) {
        throw unsupported("anything but a dictionary");
      }
      map.forEach(
          (name, value) -> {
            if (!(name instanceof String key) || !(value instanceof Shape shape)) {
              throw unsupported("an entry " + name + " that is no tensor");
            }
            TensorInfo info = new TensorInfo(key, shape.storage().dtype(), shape.sizes());
            long offset = shape.offset() * shape.storage().dtype().bytes();
            tensors.put(key, new Tensor(info, shape.storage().key(), offset));
          });
    } catch (BufferUnderflowException
        | ClassCastException
        | NullPointerException
        | IndexOutOfBoundsException
        | NoSuchElementException e) {
      throw new IllegalArgumentException(source + ": data.pkl is damaged; fetch the file again", e);
    }
    return tensors;
  }

  private IllegalArgumentException unsupported(String what) {
    return new IllegalArgumentException(
        source
            + ": its pickle holds "
            + what
            + ", expected a dictionary of tensors; peft4j runs no Python: save the tensors alone, as"
            + " safetensors");
  }

  private Object run() {
    while (true) {
      int code = Byte.toUnsignedInt(in.get());
      switch (code) {
        case 0x80 -> in.get(); // PROTO
        case '}' -> stack.push(new LinkedHashMap<Object, Object>()); // EMPTY_DICT
        case ']' -> stack.push(new ArrayList<Object>()); // EMPTY_LIST
        case ')' -> stack.push(List.of()); // EMPTY_TUPLE
        case '(' -> stack.push(MARK);
        case 'N' -> stack.push(NONE);
        case 0x88 -> stack.push(true);
        case 0x89 -> stack.push(false);
        case 'K' -> stack.push((long) Byte.toUnsignedInt(in.get())); // BININT1
        case 'M' -> stack.push((long) Short.toUnsignedInt(in.getShort())); // BININT2
        case 'J' -> stack.push((long) in.getInt()); // BININT
        case 0x8a -> stack.push(number(Byte.toUnsignedInt(in.get()))); // LONG1
        case 'X' -> stack.push(text(in.getInt())); // BINUNICODE
        case 0x8c -> stack.push(text(Byte.toUnsignedInt(in.get()))); // SHORT_BINUNICODE
        case 'c' -> stack.push(new Global(line() + " " + line()));
        case 'q' -> memo.put(Byte.toUnsignedInt(in.get()), stack.element()); // BINPUT
        case 'r' -> memo.put(in.getInt(), stack.element()); // LONG_BINPUT
        case 'h' -> stack.push(remembered(Byte.toUnsignedInt(in.get()))); // BINGET
        case 'j' -> stack.push(remembered(in.getInt())); // LONG_BINGET
        case 't' -> stack.push(List.copyOf(sinceMark())); // TUPLE
        case 0x85 -> tuple(1);
        case 0x86 -> tuple(2);
        case 0x87 -> tuple(3);
        case 'Q' -> stack.push(storage((List<?>) stack.pop())); // BINPERSID
        case 'R' -> reduce();
        case 's' -> put(List.of(stack.pop(), stack.pop()), true); // SETITEM
        case 'u' -> put(sinceMark(), false); // SETITEMS
        case 'b' -> stack.pop(); // BUILD: the _metadata of a state_dict, which nobody needs
        case '.' -> {
          return stack.pop();
        }
        default -> throw unsupported("the opcode 0x" + Integer.toHexString(code));
      }
    }
  }

  private Object remembered(int key) {
    return Objects.requireNonNull(memo.get(key));
  }

  private List<Object> sinceMark() {
    List<Object> items = new ArrayList<>();
    for (Object item = stack.pop(); item != MARK; item = stack.pop()) {
      items.add(0, item);
    }
    return items;
  }

  private void tuple(int size) {
    List<Object> items = new ArrayList<>();
    for (int i = 0; i < size; i++) {
      items.add(0, stack.pop());
    }
    stack.push(List.copyOf(items));
  }

  @SuppressWarnings("unchecked")
  private void put(List<Object> items, boolean valueFirst) {
    Map<Object, Object> map = (Map<Object, Object>) stack.element();
    for (int i = 0; i < items.size(); i += 2) {
      map.put(items.get(valueFirst ? i + 1 : i), items.get(valueFirst ? i : i + 1));
    }
  }

  /** ('storage', class, key, device, count). */
  private Storage storage(List<?> id) {
    DType dtype = STORAGES.get(((Global) id.get(1)).name());
    if (dtype == null) {
      throw unsupported("a " + ((Global) id.get(1)).name());
    }
    String key = (String) id.get(2);
    if (!key.matches("\\w+")) {
      throw unsupported("a storage called " + key);
    }
    return new Storage(dtype, key);
  }

  private void reduce() {
    List<?> arguments = (List<?>) stack.pop();
    String function = ((Global) stack.pop()).name();
    stack.push(
        switch (function) {
          case DICTIONARY -> new LinkedHashMap<Object, Object>();
          case PARAMETER -> arguments.get(0);
          case TENSOR -> tensor(arguments);
          default -> throw unsupported("a call of " + function.replace(' ', '.'));
        });
  }

  /** (storage, offset, sizes, strides, …). */
  private Shape tensor(List<?> arguments) {
    long[] sizes = longs(arguments.get(2));
    long[] strides = longs(arguments.get(3));
    long stride = 1;
    for (int i = sizes.length - 1; i >= 0; i--) {
      if (sizes[i] > 1 && strides[i] != stride) {
        throw unsupported("a tensor whose elements are not in order");
      }
      stride *= sizes[i];
    }
    long offset = (Long) arguments.get(1);
    if (offset < 0) {
      throw unsupported("a tensor before the start of its storage");
    }
    return new Shape((Storage) arguments.get(0), offset, sizes);
  }

  private static long[] longs(@Nullable Object tuple) {
    return ((List<?>) Objects.requireNonNull(tuple))
        .stream().mapToLong(item -> (Long) item).toArray();
  }

  private long number(int bytes) {
    if (bytes > 8) {
      throw unsupported("a number of " + bytes + " bytes");
    }
    long value = 0;
    for (int i = 0; i < bytes; i++) {
      value |= Byte.toUnsignedLong(in.get()) << (8 * i);
    }
    int shift = 64 - 8 * bytes;
    return bytes == 0 ? 0 : value << shift >> shift;
  }

  private String text(int length) {
    if (length < 0 || length > in.remaining()) {
      throw new BufferUnderflowException();
    }
    byte[] bytes = new byte[length];
    in.get(bytes);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private String line() {
    StringBuilder line = new StringBuilder();
    for (char c = (char) in.get(); c != '\n'; c = (char) in.get()) {
      line.append(c);
    }
    return line.toString();
  }
}
