package io.github.peft4j.io.gguf;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.AbstractList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.RandomAccess;
import java.util.Set;
import java.util.function.IntFunction;

/**
 * The keys and values of a GGUF file, such as {@code llama.block_count}, in their order.
 *
 * <p>Getters come in two kinds. Those with the name of a value throw {@link GgufException} if there
 * is no such key. Those that start with <i>find</i> return nothing then. Both throw it if the value
 * is of another kind, and the message names the file, the key, the value and what was expected.
 * Whole numbers may be stored in any width; getters check the range.
 *
 * <pre>{@code
 * GgufMetadata metadata =
 *     new GgufMetadata.Builder()
 *         .string("general.architecture", "llama")
 *         .uint32("llama.block_count", 30)
 *         .strings("tokenizer.ggml.tokens", tokens)
 *         .build();
 * }</pre>
 */
public final class GgufMetadata {
  private static final String ALIGNMENT = "general.alignment";
  private static final int DEFAULT_ALIGNMENT = 32;
  private static final int MOST_ALIGNMENT = 1 << 30;
  private static final String REMEDY = "take another file, or convert the model again";

  private final String label;
  private final Map<String, Value> values;

  /**
   * A value.
   *
   * @param content of a scalar a Long, Double, Boolean or String; of an array a GgufArray
   */
  record Value(GgufValueType type, Object content) {
    /** What messages call it. */
    @Override
    public String toString() {
      return content instanceof String text
          ? "\"" + (text.length() <= 80 ? text : text.substring(0, 80) + "…") + "\""
          : content instanceof GgufArray ? content.toString() : content + " (" + type + ")";
    }
  }

  GgufMetadata(String label, Map<String, Value> values) {
    this.label = label;
    this.values = Collections.unmodifiableMap(values);
  }

  Map<String, Value> values() {
    return values;
  }

  /** The keys, in the order of the file. */
  public Set<String> keys() {
    return values.keySet();
  }

  /** Whether there is a value of this key. */
  public boolean contains(String key) {
    return values.containsKey(key);
  }

  /** What offsets of tensors are multiples of. */
  int alignment() {
    if (!contains(ALIGNMENT)) {
      return DEFAULT_ALIGNMENT;
    }
    long alignment = integer(ALIGNMENT);
    if (alignment < 1 || alignment > MOST_ALIGNMENT || Long.bitCount(alignment) != 1) {
      throw wrong(ALIGNMENT, alignment, "a power of two up to 2³⁰");
    }
    return (int) alignment;
  }

  /** The type of a value. */
  public GgufValueType type(String key) {
    return require(key, "a value").type();
  }

  /** The type of the values of an array. */
  public GgufValueType elementType(String key) {
    return array(key, "values", require(key, "an array of values")).elements();
  }

  /** A text. */
  public String string(String key) {
    return string(key, require(key, "a text"));
  }

  /** A text, or nothing if there is no such key. */
  public Optional<String> findString(String key) {
    return Optional.ofNullable(values.get(key)).map(value -> string(key, value));
  }

  /** A whole number. */
  public long integer(String key) {
    return integer(key, require(key, "a whole number"));
  }

  /** A whole number, or nothing if there is no such key. */
  public OptionalLong findInteger(String key) {
    Value value = values.get(key);
    return value == null ? OptionalLong.empty() : OptionalLong.of(integer(key, value));
  }

  /** A number, whole or not. */
  public double number(String key) {
    return number(key, require(key, "a number"));
  }

  /** A number, whole or not, or nothing if there is no such key. */
  public OptionalDouble findNumber(String key) {
    Value value = values.get(key);
    return value == null ? OptionalDouble.empty() : OptionalDouble.of(number(key, value));
  }

  /** True or false. */
  public boolean flag(String key) {
    return flag(key, require(key, "true or false"));
  }

  /** True or false, or nothing if there is no such key. */
  public Optional<Boolean> findFlag(String key) {
    return Optional.ofNullable(values.get(key)).map(value -> flag(key, value));
  }

  /**
   * Texts. They stay in the form that they have in the file: each call of {@link List#get} decodes
   * one, and throws {@link GgufException} if its bytes are not UTF-8.
   */
  public List<String> strings(String key) {
    return strings(key, array(key, "texts", require(key, "an array of texts")));
  }

  /** Texts as {@link #strings} gives them, or nothing if there is no such key. */
  public Optional<List<String>> findStrings(String key) {
    return Optional.ofNullable(values.get(key))
        .map(value -> strings(key, array(key, "texts", value)));
  }

  /** Whole numbers. */
  public long[] integers(String key) {
    return integers(key, array(key, "whole numbers", require(key, "an array of whole numbers")));
  }

  /** Whole numbers, or nothing if there is no such key. */
  public Optional<long[]> findIntegers(String key) {
    return Optional.ofNullable(values.get(key))
        .map(value -> integers(key, array(key, "whole numbers", value)));
  }

  /** Numbers, whole or not. */
  public double[] numbers(String key) {
    return numbers(key, array(key, "numbers", require(key, "an array of numbers")));
  }

  /** Numbers, whole or not, or nothing if there is no such key. */
  public Optional<double[]> findNumbers(String key) {
    return Optional.ofNullable(values.get(key))
        .map(value -> numbers(key, array(key, "numbers", value)));
  }

  /** Truths. */
  public boolean[] flags(String key) {
    GgufArray array = array(key, "truths", require(key, "an array of truths"));
    if (array.elements() != GgufValueType.BOOL) {
      throw wrong(key, array, "an array of BOOL");
    }
    boolean[] out = new boolean[array.count()];
    for (int i = 0; i < out.length; i++) {
      out[i] = array.flag(i);
    }
    return out;
  }

  private String string(String key, Value value) {
    if (value.content() instanceof String text) {
      return text;
    }
    throw wrong(key, value, "a text");
  }

  private long integer(String key, Value value) {
    if (value.content() instanceof Long number) {
      return inRange(key, value.type(), number);
    }
    throw wrong(key, value, "a whole number");
  }

  private double number(String key, Value value) {
    return value.content() instanceof Double number ? number : integer(key, value);
  }

  private boolean flag(String key, Value value) {
    if (value.content() instanceof Boolean flag) {
      return flag;
    }
    throw wrong(key, value, "true or false");
  }

  private GgufArray array(String key, String what, Value value) {
    if (value.content() instanceof GgufArray array) {
      return array;
    }
    throw wrong(key, value, "an array of " + what);
  }

  private List<String> strings(String key, GgufArray array) {
    if (array.elements() != GgufValueType.STRING) {
      throw wrong(key, array, "an array of texts");
    }
    return new Strings(
        array.count(),
        index -> {
          try {
            return array.string(index);
          } catch (CharacterCodingException e) {
            throw wrong("%s[%d]".formatted(key, index), "bytes that are not UTF-8", "UTF-8");
          }
        });
  }

  private long[] integers(String key, GgufArray array) {
    if (!array.elements().isInteger()) {
      throw wrong(key, array, "an array of whole numbers");
    }
    long[] out = new long[array.count()];
    for (int i = 0; i < out.length; i++) {
      out[i] = inRange(key, array.elements(), array.integer(i));
    }
    return out;
  }

  private double[] numbers(String key, GgufArray array) {
    if (!array.elements().isFloating()) {
      return Arrays.stream(integers(key, array)).asDoubleStream().toArray();
    }
    double[] out = new double[array.count()];
    for (int i = 0; i < out.length; i++) {
      out[i] = array.floating(i);
    }
    return out;
  }

  private long inRange(String key, GgufValueType type, long number) {
    if (type == GgufValueType.UINT64 && number < 0) {
      throw wrong(key, Long.toUnsignedString(number), "a whole number below 2⁶³");
    }
    return number;
  }

  private Value require(String key, String expected) {
    Value value = values.get(key);
    if (value == null) {
      throw new GgufException(
          "%s: there is no %s, expected %s%s; %s"
              .formatted(label, key, expected, near(key), REMEDY));
    }
    return value;
  }

  /** Keys of the same end, such as those of another architecture. */
  private String near(String key) {
    String end = key.substring(key.lastIndexOf('.') + 1);
    List<String> near = values.keySet().stream().filter(k -> k.endsWith(end)).limit(3).toList();
    return near.isEmpty() ? "" : " (there is " + String.join(", ", near) + ")";
  }

  private GgufException wrong(String key, Object value, String expected) {
    return new GgufException(
        "%s: %s is %s, expected %s; %s".formatted(label, key, value, expected, REMEDY));
  }

  /** A builder that starts with these values, for another file. */
  public Builder toBuilder() {
    Builder builder = new Builder();
    builder.values.putAll(values);
    return builder;
  }

  /**
   * Returns, for example, {@code {general.architecture="llama", llama.block_count=30 (UINT32)}}.
   */
  @Override
  public String toString() {
    return values.toString();
  }

  /** Decodes a string when it is asked for. */
  private static final class Strings extends AbstractList<String> implements RandomAccess {
    private final int count;
    private final IntFunction<String> decode;

    Strings(int count, IntFunction<String> decode) {
      this.count = count;
      this.decode = decode;
    }

    @Override
    public String get(int index) {
      Objects.checkIndex(index, count);
      return decode.apply(index);
    }

    @Override
    public int size() {
      return count;
    }
  }

  /**
   * Makes the metadata of a file, in the order of the calls. A key that is set again keeps its
   * place.
   */
  public static final class Builder {
    private final Map<String, Value> values = new LinkedHashMap<>();

    /** Sets a text. */
    public Builder string(String key, String text) {
      utf8(text);
      return put(key, GgufValueType.STRING, text);
    }

    /**
     * Sets a whole number.
     *
     * @throws IllegalArgumentException if it is not in [0, 2³²)
     */
    public Builder uint32(String key, long number) {
      if (number >>> 32 != 0) {
        throw new IllegalArgumentException(
            "%s is %d, expected a number of UINT32".formatted(key, number));
      }
      return put(key, GgufValueType.UINT32, number);
    }

    /** Sets a whole number. */
    public Builder int32(String key, int number) {
      return put(key, GgufValueType.INT32, (long) number);
    }

    /**
     * Sets a whole number.
     *
     * @throws IllegalArgumentException if it is negative
     */
    public Builder uint64(String key, long number) {
      if (number < 0) {
        throw new IllegalArgumentException(
            "%s is %d, expected a number of UINT64".formatted(key, number));
      }
      return put(key, GgufValueType.UINT64, number);
    }

    /** Sets a number. */
    public Builder float32(String key, float number) {
      return put(key, GgufValueType.FLOAT32, (double) number);
    }

    /** Sets true or false. */
    public Builder bool(String key, boolean flag) {
      return put(key, GgufValueType.BOOL, flag);
    }

    /** Sets texts. */
    public Builder strings(String key, List<String> texts) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      byte[] length = new byte[Long.BYTES];
      int[] starts = new int[texts.size()];
      for (int i = 0; i < starts.length; i++) {
        byte[] text = utf8(texts.get(i));
        little(length).putLong(0, text.length);
        bytes.writeBytes(length);
        starts[i] = bytes.size();
        bytes.writeBytes(text);
      }
      return array(key, GgufValueType.STRING, starts.length, bytes.toByteArray(), starts);
    }

    /** Sets whole numbers. */
    public Builder int32s(String key, int... numbers) {
      byte[] bytes = new byte[numbers.length * Integer.BYTES];
      little(bytes).asIntBuffer().put(numbers);
      return array(key, GgufValueType.INT32, numbers.length, bytes);
    }

    /** Sets numbers. */
    public Builder float32s(String key, float... numbers) {
      byte[] bytes = new byte[numbers.length * Float.BYTES];
      little(bytes).asFloatBuffer().put(numbers);
      return array(key, GgufValueType.FLOAT32, numbers.length, bytes);
    }

    /** Sets truths. */
    public Builder bools(String key, boolean... flags) {
      byte[] bytes = new byte[flags.length];
      for (int i = 0; i < flags.length; i++) {
        bytes[i] = (byte) (flags[i] ? 1 : 0);
      }
      return array(key, GgufValueType.BOOL, flags.length, bytes);
    }

    /** Sets all values of another file. */
    public Builder putAll(GgufMetadata others) {
      values.putAll(others.values());
      return this;
    }

    /** Removes a value, if there is one. */
    public Builder remove(String key) {
      values.remove(key);
      return this;
    }

    /** The metadata so far. */
    public GgufMetadata build() {
      return new GgufMetadata("new GGUF metadata", new LinkedHashMap<>(values));
    }

    private Builder array(
        String key, GgufValueType elements, int count, byte[] bytes, int... starts) {
      return put(key, GgufValueType.ARRAY, new GgufArray(elements, count, bytes, starts));
    }

    private Builder put(String key, GgufValueType type, Object content) {
      utf8(key);
      values.put(key, new Value(type, content));
      return this;
    }

    private static ByteBuffer little(byte[] bytes) {
      return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static byte[] utf8(String text) {
      if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
        throw new IllegalArgumentException("not valid Unicode: " + text);
      }
      return text.getBytes(StandardCharsets.UTF_8);
    }
  }
}
