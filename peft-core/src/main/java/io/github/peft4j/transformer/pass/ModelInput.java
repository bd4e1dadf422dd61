package io.github.peft4j.transformer.pass;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.config.ModelConfig;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The input of a model.
 *
 * @param ids token ids (B, T), int64
 * @param mask (B, T), or with a cache (B, number of tokens so far without virtual ones); 1 for
 *     tokens and 0 for padding; null without padding
 * @param types segment ids (B, T), or null
 * @param decoderIds input ids of an encoder-decoder's decoder (B, U), or null
 * @param texts the texts of each row, if a row holds several; null if each row is one text
 * @param rowValues by name, an int64 number of each row (B) that methods read
 * @param given (B, T), 1 for the tokens that a causal language model is given, 0 for padding and
 *     for those that it learns to write and what follows them; null if all tokens are given
 * @param kept where the states of the rows are kept, without the model's dropout; null if they are
 *     computed each time
 * @param rightPadded whether the mask is known to hide nothing but padding behind each row's
 *     tokens; false also if that is not known
 * @param ranges by name, the ranges of the ids that the host knows: those of {@code ids}, {@code
 *     types} and {@code decoderIds} that were made of Java arrays
 */
public record ModelInput(
    NDArray ids,
    @Nullable NDArray mask,
    @Nullable NDArray types,
    @Nullable NDArray decoderIds,
    @Nullable PackedTexts texts,
    Map<String, NDArray> rowValues,
    @Nullable NDArray given,
    KeptStates.@Nullable Rows kept,
    boolean rightPadded,
    Map<String, IdRange> ranges) {

  private static final Kernel REPEAT =
      Kernel.of(
          """
          def repeat(x: Tensor, n: Tensor) -> Tensor:            # (B, T) → (n · B, T)
              return torch.repeat(x, [int(n), 1])
          """);

  private static final Kernel REPEAT_VALUES =
      Kernel.of(
          """
          def repeat(x: Tensor, n: Tensor) -> Tensor:            # (B) → (n · B)
              return torch.repeat(x, [int(n)])
          """);

  private static final String IDS = "ids";
  private static final String TYPES = "types";
  private static final String DECODER_IDS = "decoderIds";

  /**
   * Checks the shapes.
   *
   * @throws IllegalArgumentException if a shape or type is wrong; the message names the array
   */
  public ModelInput {
    requireIds("ids", ids, "(B, T)");
    Shape shape = ids.getShape();
    if (mask != null) {
      Shape masked = mask.getShape();
      require(
          masked.dimension() == 2 && masked.get(0) == shape.get(0) && masked.get(1) >= shape.get(1),
          "mask",
          mask,
          "an element for each of the ids " + shape);
    }
    if (types != null) {
      requireLike("types", types, shape);
    }
    if (decoderIds != null) {
      requireIds("decoderIds", decoderIds, "(B, U)");
      require(
          decoderIds.getShape().get(0) == shape.get(0),
          "decoderIds",
          decoderIds,
          "a row for each of the ids " + shape);
    }
    if (texts != null) {
      texts.arrays().forEach(array -> requireLike("texts", array, shape));
    }
    if (given != null) {
      requireLike("given", given, shape);
    }
    rowValues = Map.copyOf(rowValues);
    ranges = Map.copyOf(ranges);
    rowValues.forEach(
        (name, numbers) ->
            require(
                numbers.getDataType().isInteger()
                    && numbers.getShape().equals(new Shape(shape.get(0))),
                name,
                numbers,
                "a whole number for each row of the ids " + shape));
  }

  /** An input without numbers for methods. */
  public ModelInput(
      NDArray ids,
      @Nullable NDArray mask,
      @Nullable NDArray types,
      @Nullable NDArray decoderIds,
      @Nullable PackedTexts texts) {
    this(ids, mask, types, decoderIds, texts, Map.of(), null, null, false, Map.of());
  }

  /** An input whose rows are one text each, and given. */
  public ModelInput(
      NDArray ids, @Nullable NDArray mask, @Nullable NDArray types, @Nullable NDArray decoderIds) {
    this(ids, mask, types, decoderIds, null);
  }

  private static void requireLike(String name, NDArray array, Shape shape) {
    require(array.getShape().equals(shape), name, array, "an element for each of the ids " + shape);
  }

  private static void requireIds(String name, NDArray ids, String shape) {
    require(
        ids.getDataType().isInteger() && ids.getShape().dimension() == 2 && ids.size() > 0,
        name,
        ids,
        "whole numbers of shape " + shape + ", at least one");
  }

  private static void require(boolean fine, String name, NDArray array, String expected) {
    if (!fine) {
      throw new IllegalArgumentException(
          name
              + " are of type "
              + array.getDataType()
              + " and shape "
              + array.getShape()
              + "; expected "
              + expected);
    }
  }

  /**
   * Checks that the vocabulary has all ids. It costs nothing if the ids were made of Java arrays;
   * others are read from their device.
   *
   * @throws IllegalArgumentException if an id is unknown; the message names it and its place
   */
  public void requireKnownIds(ModelConfig config) {
    require(IDS, ids, "vocab_size", config);
    require(DECODER_IDS, decoderIds, "vocab_size", config);
    if (config.integer("type_vocab_size", 0) != 0) { // 0: the model has no segments
      require(TYPES, types, "type_vocab_size", config);
    }
  }

  private void require(String name, @Nullable NDArray array, String field, ModelConfig config) {
    if (array != null && config.has(field)) {
      range(name, array).require(name, array, field, config);
    }
  }

  private IdRange range(String name, NDArray array) {
    IdRange known = ranges.get(name);
    return known == null ? IdRange.read(array) : known;
  }

  /** A copy whose ids are not read from the device again by {@link #requireKnownIds}. */
  public ModelInput ranged() {
    Map<String, IdRange> all = new HashMap<>();
    all.put(IDS, range(IDS, ids));
    if (types != null) {
      all.put(TYPES, range(TYPES, types));
    }
    if (decoderIds != null) {
      all.put(DECODER_IDS, range(DECODER_IDS, decoderIds));
    }
    return with(all);
  }

  /** The ranges with another one, or without it. */
  private Map<String, IdRange> ranges(String name, long @Nullable [][] rows) {
    Map<String, IdRange> others = new HashMap<>(ranges);
    others.remove(name);
    if (rows != null) {
      others.put(name, IdRange.of(rows));
    }
    return others;
  }

  private ModelInput with(Map<String, IdRange> ranges) {
    return new ModelInput(
        ids, mask, types, decoderIds, texts, rowValues, given, kept, rightPadded, ranges);
  }

  /** Token ids without padding. */
  public static ModelInput of(NDArray ids) {
    return new ModelInput(ids, null, null, null);
  }

  /**
   * Creates an input from Java arrays.
   *
   * @param manager the manager of the new arrays, which determines their device
   * @param ids [B][T]
   * @param mask [B][T], or null
   */
  public static ModelInput of(NDManager manager, long[][] ids, long @Nullable [][] mask) {
    long[][] padded = mask == null || full(mask) ? null : mask;
    return new ModelInput(
        array(manager, ids),
        padded == null ? null : array(manager, padded),
        null,
        null,
        null,
        Map.of(),
        null,
        null,
        padded != null && isRightPadded(padded),
        Map.of(IDS, IdRange.of(ids)));
  }

  /**
   * Creates an input of rows that hold several texts, one after the other.
   *
   * @param manager the manager of the new arrays, which determines their device
   * @param ids [B][T], with padding behind the texts
   * @param lengths by row, the number of tokens of each text, see {@link PackedTexts#of}
   */
  public static ModelInput packed(NDManager manager, long[][] ids, int[][] lengths) {
    if (ids.length != lengths.length) {
      throw new IllegalArgumentException(
          ids.length + " rows of ids and " + lengths.length + " of lengths; expected as many");
    }
    long[][] mask = new long[ids.length][];
    for (int b = 0; b < ids.length; b++) {
      mask[b] = new long[ids[b].length];
      Arrays.fill(mask[b], 0, Math.min(mask[b].length, Arrays.stream(lengths[b]).sum()), 1);
    }
    ModelInput rows = of(manager, ids, mask);
    return rows.withTexts(PackedTexts.of(manager, lengths, ids[0].length));
  }

  /** A copy with input ids (B, U) for the decoder. */
  public ModelInput decoding(NDArray ids) {
    return decoding(ids, null);
  }

  /**
   * A copy with input ids for the decoder.
   *
   * @param manager the manager of the new array, which determines its device
   * @param ids [B][U]
   */
  public ModelInput decoding(NDManager manager, long[][] ids) {
    return decoding(array(manager, ids), ids);
  }

  private ModelInput decoding(NDArray ids, long @Nullable [][] rows) {
    return new ModelInput(
        this.ids,
        mask,
        types,
        ids,
        texts,
        rowValues,
        given,
        kept,
        rightPadded,
        ranges(DECODER_IDS, rows));
  }

  /** A copy with segment ids (B, T). */
  public ModelInput withTypes(@Nullable NDArray types) {
    return withTypes(types, null);
  }

  /**
   * A copy with segment ids.
   *
   * @param manager the manager of the new array, which determines its device
   * @param types [B][T], or null for none
   */
  public ModelInput withTypes(NDManager manager, long @Nullable [][] types) {
    return withTypes(types == null ? null : array(manager, types), types);
  }

  private ModelInput withTypes(@Nullable NDArray types, long @Nullable [][] rows) {
    return new ModelInput(
        ids,
        mask,
        types,
        decoderIds,
        texts,
        rowValues,
        given,
        kept,
        rightPadded,
        ranges(TYPES, rows));
  }

  /** A copy whose rows hold these texts; null for one text in each row. */
  public ModelInput withTexts(@Nullable PackedTexts texts) {
    return new ModelInput(
        ids, mask, types, decoderIds, texts, rowValues, given, kept, rightPadded, ranges);
  }

  /**
   * A copy with numbers of rows that methods read.
   *
   * @param rowValues by name, int64 (B), such as {@code task_ids}
   */
  public ModelInput withRowValues(Map<String, NDArray> rowValues) {
    return new ModelInput(
        ids, mask, types, decoderIds, texts, rowValues, given, kept, rightPadded, ranges);
  }

  /** A copy of which these tokens (B, T) are given; null for all. */
  public ModelInput withGiven(@Nullable NDArray given) {
    return new ModelInput(
        ids, mask, types, decoderIds, texts, rowValues, given, kept, rightPadded, ranges);
  }

  /** A copy whose states are kept, without the model's dropout; null to compute them each time. */
  public ModelInput keeping(KeptStates.@Nullable Rows kept) {
    return new ModelInput(
        ids, mask, types, decoderIds, texts, rowValues, given, kept, rightPadded, ranges);
  }

  /** The same input with other arrays for those that are there. */
  public ModelInput map(UnaryOperator<NDArray> change) {
    return new ModelInput(
        change.apply(ids),
        mask == null ? null : change.apply(mask),
        types == null ? null : change.apply(types),
        decoderIds == null ? null : change.apply(decoderIds),
        texts == null ? null : texts.map(change),
        rowValues.entrySet().stream()
            .collect(Collectors.toMap(Map.Entry::getKey, value -> change.apply(value.getValue()))),
        given == null ? null : change.apply(given),
        kept,
        rightPadded,
        ranges);
  }

  /** The batch repeated n times, one copy after the other. */
  public ModelInput repeat(int n) {
    return n == 1
        ? this
        : new ModelInput(
            repeat(ids, n),
            mask == null ? null : repeat(mask, n),
            types == null ? null : repeat(types, n),
            decoderIds == null ? null : repeat(decoderIds, n),
            texts == null ? null : texts.repeat(n),
            rowValues.entrySet().stream()
                .collect(
                    Collectors.toMap(
                        Map.Entry::getKey,
                        value -> REPEAT_VALUES.call(value.getValue(), Tensors.scalar(n)))),
            given == null ? null : repeat(given, n),
            kept == null ? null : kept.repeat(n),
            rightPadded,
            ranges);
  }

  /** The same arrays, removed from their scopes; {@link #close} frees them. */
  public ModelInput released() {
    arrays().forEach(Scope::release);
    return this;
  }

  /** Frees the arrays. */
  public void close() {
    arrays().forEach(NDArray::close);
  }

  /** The arrays that are there, in an order that depends on nothing else. */
  public Stream<NDArray> arrays() {
    return Stream.of(
            Stream.of(ids, mask, types, decoderIds, given).filter(Objects::nonNull),
            texts == null ? Stream.<NDArray>empty() : texts.arrays(),
            new TreeMap<>(rowValues).values().stream())
        .flatMap(arrays -> arrays);
  }

  static NDArray repeat(NDArray rows, long n) {
    return REPEAT.call(rows, Tensors.scalar(n));
  }

  /**
   * Rows of equal length as an array.
   *
   * @param manager the manager of the new array, which determines its device
   * @param rows [B][T]
   * @return (B, T), int64
   */
  public static NDArray array(NDManager manager, long[][] rows) {
    int width = rows.length == 0 ? 0 : rows[0].length;
    if (width == 0 || Stream.of(rows).anyMatch(row -> row.length != width)) {
      throw new IllegalArgumentException(
          "rows have "
              + Stream.of(rows).map(row -> row.length).toList()
              + " ids; expected at least one row, all of one length above 0: pad the shorter ones"
              + " and mask the padding");
    }
    long[] flat = new long[rows.length * width];
    for (int i = 0; i < rows.length; i++) {
      System.arraycopy(rows[i], 0, flat, i * width, width);
    }
    return manager.create(flat, new Shape(rows.length, width));
  }

  private static boolean isRightPadded(long[][] mask) {
    return Stream.of(mask)
        .allMatch(row -> IntStream.range(1, row.length).allMatch(t -> row[t - 1] >= row[t]));
  }

  private static boolean full(long[][] mask) {
    for (long[] row : mask) {
      for (long value : row) {
        if (value == 0) {
          return false;
        }
      }
    }
    return true;
  }
}
