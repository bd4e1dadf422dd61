package io.github.peft4j.transformer.checkpoint.quantized;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.TensorLoader;
import io.github.peft4j.quantization.FrozenMatrix;
import io.github.peft4j.quantization.bitsandbytes.FourBit;
import io.github.peft4j.quantization.bitsandbytes.FourBitMatrix;
import io.github.peft4j.quantization.bitsandbytes.Fp4;
import io.github.peft4j.quantization.bitsandbytes.NestedStatistics;
import io.github.peft4j.quantization.bitsandbytes.Nf4;
import io.github.peft4j.transformer.config.ModelConfig;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A matrix of four bits by bitsandbytes: packed codes under the name of the weight, and {@code
 * absmax}, {@code quant_map} and {@code quant_state} with more after it. What is no tensor is JSON
 * in the bytes of {@code quant_state}.
 */
final class FourBitParts implements StoredMatrix {

  /** In front of the format in the name of the JSON. */
  static final String STATE = ".quant_state.bitsandbytes__";

  /** The sizes of blocks that bitsandbytes knows. */
  private static final List<Integer> BLOCKS = List.of(32, 64, 128, 256, 512, 1024, 2048, 4096);

  private static final Map<String, DType> TYPES =
      Map.of("float32", DType.F32, "float16", DType.F16, "bfloat16", DType.BF16);

  /** bitsandbytes' own has some 200. */
  private static final int MOST_JSON = 4096;

  private static final int CODES = 16;
  private static final int NESTED_CODES = 256;
  private static final Set<DType> FLOATS = Set.of(DType.F32);
  private static final Set<DType> BYTES = Set.of(DType.U8);

  private final String weight;
  private final Parts parts;
  private final FourBit format;
  private final int block;
  private final Shape rows;
  private final DType type;
  private final int nestedBlock;
  private final float nestedOffset;

  /**
   * Checks the parts.
   *
   * @param weight the name of the packed codes
   * @param quantType the end of the JSON's name
   */
  FourBitParts(String weight, String quantType, Parts parts) {
    this.weight = weight;
    this.parts = parts;
    ModelConfig state = state(weight + STATE + quantType);
    String named = state.text("quant_type", quantType);
    if (!named.equals(quantType) || !Set.of("nf4", "fp4").contains(quantType)) {
      throw state.error("quant_type", named, "nf4 or fp4, as the end of the tensor's name");
    }
    this.block = state.integer("blocksize");
    if (!BLOCKS.contains(block)) {
      throw state.error("blocksize", block, "one of " + BLOCKS);
    }
    String dtype = state.text("dtype", "float32");
    DType known = TYPES.get(dtype);
    if (known == null) {
      throw state.error("dtype", dtype, "one of " + TYPES.keySet().stream().sorted().toList());
    }
    this.type = known;
    this.rows = rows(state);
    long count = rows.size();
    long blocks = (count + block - 1) / block;
    boolean nested = parts.has(weight + ".nested_absmax") || state.has("nested_blocksize");
    parts.required(weight + ".absmax", nested ? BYTES : FLOATS, blocks);
    this.format =
        quantType.equals("nf4")
            ? nested ? Nf4.doubleQuantized() : Nf4.plain()
            : nested ? Fp4.doubleQuantized() : Fp4.plain();
    requireKnownCodes();
    this.nestedBlock = nested ? state.size("nested_blocksize") : 1;
    this.nestedOffset = nested ? (float) state.number("nested_offset") : 0;
    if (!Float.isFinite(nestedOffset)) {
      throw state.error("nested_offset", state.number("nested_offset"), "a number of 32 bits");
    }
    if (nested) {
      long outer = (blocks + nestedBlock - 1) / nestedBlock;
      parts.required(weight + ".nested_absmax", FLOATS, outer);
      parts.required(weight + ".nested_quant_map", FLOATS, NESTED_CODES);
    }
  }

  /** The JSON in a tensor of bytes. */
  private ModelConfig state(String name) {
    TensorInfo info = parts.required(name, BYTES);
    if (info.elementCount() > MOST_JSON) {
      throw parts.wrong(info, "JSON of at most " + MOST_JSON + " bytes");
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    parts
        .source()
        .read(
            name,
            buffer -> {
              while (buffer.hasRemaining()) {
                bytes.write(buffer.get());
              }
            });
    String text = bytes.toString(StandardCharsets.UTF_8);
    JsonElement json;
    try {
      json = JsonParser.parseString(text);
    } catch (JsonParseException e) {
      throw new IllegalArgumentException(
          parts.wrong(info, "a JSON object in its bytes").getMessage(), e);
    }
    if (!(json instanceof JsonObject object)) {
      throw parts.wrong(info, "a JSON object in its bytes");
    }
    return ModelConfig.of(object, parts.source() + ": tensor " + name);
  }

  /** The shape, whose codes fill the weight. */
  private Shape rows(ModelConfig state) {
    List<Long> shape = state.integers("shape");
    TensorInfo packed = parts.required(weight);
    boolean fits =
        shape.size() == 2
            && shape.stream().allMatch(size -> size > 0 && size <= 2 * packed.byteCount())
            && (Math.multiplyHigh(shape.get(0), shape.get(1)) == 0)
            && (shape.get(0) * shape.get(1) + 1) / 2 == packed.byteCount();
    if (!fits) {
      throw state.error(
          "shape",
          shape,
          "two sizes whose product is the number of codes in "
              + packed
              + ", two in each of its "
              + packed.byteCount()
              + " bytes");
    }
    return new Shape(shape.get(0), shape.get(1));
  }

  /** The map from codes to numbers is a part of the format. */
  private void requireKnownCodes() {
    TensorInfo info = parts.required(weight + ".quant_map", FLOATS, CODES);
    float[] found = parts.source().floats(info.name());
    float[] known = format.codes();
    for (int i = 0; i < CODES; i++) {
      if (!(Math.abs(found[i] - known[i]) < 1e-5)) {
        throw parts.error(
            "has %s for code %d in %s; expected %s".formatted(found[i], i, info.name(), known[i]));
      }
    }
  }

  @Override
  public long out() {
    return rows.get(0);
  }

  @Override
  public long in() {
    return rows.get(1);
  }

  @Override
  public DType type() {
    return type;
  }

  @Override
  public FrozenMatrix load(TensorLoader loader, boolean transposed) {
    try (Scope scope = new Scope()) { // the matrix keeps its arrays
      return FourBitMatrix.of(
          format,
          new FourBitMatrix.Stored(
              parts.bytes(loader, weight), // of any type: bnb_4bit_quant_storage
              parts.load(loader, weight + ".absmax"),
              format.isNested() ? statistics(loader) : null,
              block),
          rows,
          transposed,
          loader.precision());
    }
  }

  private NestedStatistics statistics(TensorLoader loader) {
    return new NestedStatistics(
        parts.load(loader, weight + ".nested_absmax"),
        parts.load(loader, weight + ".nested_quant_map"),
        loader.manager().create(new float[] {nestedOffset}),
        nestedBlock);
  }
}
