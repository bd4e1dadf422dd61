package io.github.peft4j.adapter.files;

import ai.djl.ndarray.NDArray;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.safetensors.WeightsWriter;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.TensorBytes;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.quantization.FrozenMatrix;
import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.quantization.bitsandbytes.FourBit;
import io.github.peft4j.quantization.bitsandbytes.FourBitMatrix;
import io.github.peft4j.quantization.bitsandbytes.Int8;
import io.github.peft4j.quantization.bitsandbytes.Int8Matrix;
import io.github.peft4j.quantization.bitsandbytes.NestedStatistics;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The tensors and settings by which transformers writes matrices of bitsandbytes: packed codes
 * under the name of the weight, and their statistics beside it.
 */
final class BitsandbytesFiles {

  private static final Set<DType> WHOLE = Set.of(DType.U8, DType.I8);

  private final TransformerModel model;
  private final Quantization format;

  private BitsandbytesFiles(TransformerModel model, Quantization format) {
    this.model = model;
    this.format = format;
  }

  /**
   * The files of a model whose matrices in fewer bits all have one format of bitsandbytes, which a
   * config can name; empty for others.
   */
  static Optional<BitsandbytesFiles> of(TransformerModel model) {
    Set<Quantization> formats =
        model
            .parameters()
            .flatMap(parameter -> Stream.ofNullable(parameter.quantization()))
            .collect(Collectors.toSet());
    if (formats.size() != 1 || !model.others().isEmpty()) {
      return Optional.empty();
    }
    Quantization format = formats.iterator().next();
    return format instanceof FourBit || format == Int8.BY_ROW
        ? Optional.of(new BitsandbytesFiles(model, format))
        : Optional.empty();
  }

  /** Adds the tensors of a matrix; false if the weight is plain numbers. */
  boolean add(WeightsWriter writer, ParameterSite parameter) {
    FrozenMatrix matrix = parameter.frozenMatrix();
    String name = parameter.name();
    if (matrix instanceof FourBitMatrix four) {
      add(writer, name, four);
    } else if (matrix instanceof Int8Matrix eight) {
      String module = name.substring(0, name.lastIndexOf('.'));
      add(writer, name, DType.I8, eight.numbers());
      add(writer, module + ".SCB", DType.F32, eight.largest());
      writer.add(
          new TensorInfo(module + ".weight_format", DType.U8, new long[0]),
          sink -> sink.accept(ByteBuffer.allocate(1)));
    }
    return matrix != null;
  }

  private void add(WeightsWriter writer, String name, FourBitMatrix matrix) {
    FourBitMatrix.Stored stored = matrix.stored();
    NestedStatistics nested = stored.nested();
    FourBit four = matrix.quantization();
    NDArray packed = stored.packed();
    add(writer, name, DType.U8, packed, packed.size(), 1);
    add(writer, name + ".absmax", nested == null ? DType.F32 : DType.U8, stored.absmax());
    addFloats(writer, name + ".quant_map", four.codes());
    if (nested != null) {
      add(writer, name + ".nested_absmax", DType.F32, nested.absmax());
      add(writer, name + ".nested_quant_map", DType.F32, nested.map());
    }
    byte[] state = state(matrix).toString().getBytes(StandardCharsets.UTF_8);
    writer.add(
        new TensorInfo(
            name + ".quant_state.bitsandbytes__" + four.quantType(),
            DType.U8,
            new long[] {state.length}),
        sink -> sink.accept(ByteBuffer.wrap(state)));
  }

  private JsonObject state(FourBitMatrix matrix) {
    FourBitMatrix.Stored stored = matrix.stored();
    NestedStatistics nested = stored.nested();
    JsonObject state = new JsonObject();
    state.addProperty("quant_type", matrix.quantization().quantType());
    state.addProperty("blocksize", stored.block());
    state.addProperty("dtype", precision());
    JsonArray shape = new JsonArray();
    for (long size : matrix.rows().getShape()) {
      shape.add(size);
    }
    state.add("shape", shape);
    if (nested != null) {
      state.addProperty("nested_blocksize", nested.block());
      state.addProperty("nested_dtype", "float32");
      state.add("nested_offset", new JsonPrimitive((double) Tensors.floats(nested.offset())[0]));
    }
    return state;
  }

  private String precision() {
    return model.precision().name().toLowerCase(Locale.ROOT);
  }

  private static void add(WeightsWriter writer, String name, DType type, NDArray array) {
    add(writer, name, type, array, array.getShape().getShape());
  }

  /** An array of eight or 32 bits. */
  private static void add(
      WeightsWriter writer, String name, DType type, NDArray array, long... shape) {
    writer.add(
        new TensorInfo(name, type, shape),
        sink -> {
          if (WHOLE.contains(type)) {
            sink.accept(ByteBuffer.wrap(array.toByteArray()).order(ByteOrder.LITTLE_ENDIAN));
          } else {
            TensorBytes.read(array, Precision.FLOAT32, sink);
          }
        });
  }

  private static void addFloats(WeightsWriter writer, String name, float... values) {
    ByteBuffer bytes =
        ByteBuffer.allocate(Float.BYTES * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      bytes.putFloat(value);
    }
    writer.add(
        new TensorInfo(name, DType.F32, new long[] {values.length}),
        sink -> sink.accept(bytes.flip().duplicate().order(ByteOrder.LITTLE_ENDIAN)));
  }

  /** {@code quantization_config}, with the names and defaults of transformers. */
  JsonObject config() {
    boolean four = format instanceof FourBit;
    JsonObject config = new JsonObject();
    config.addProperty("_load_in_4bit", four);
    config.addProperty("_load_in_8bit", !four);
    config.addProperty("bnb_4bit_compute_dtype", precision());
    config.addProperty("bnb_4bit_quant_storage", "uint8");
    config.addProperty(
        "bnb_4bit_quant_type", format instanceof FourBit bits ? bits.quantType() : "fp4");
    config.addProperty(
        "bnb_4bit_use_double_quant", format instanceof FourBit bits && bits.isNested());
    config.addProperty("llm_int8_enable_fp32_cpu_offload", false);
    config.addProperty("llm_int8_has_fp16_weight", false);
    JsonArray skipped = new JsonArray();
    plainMaps().forEach(skipped::add);
    config.add("llm_int8_skip_modules", skipped);
    config.addProperty("llm_int8_threshold", 6.0);
    config.addProperty("load_in_4bit", four);
    config.addProperty("load_in_8bit", !four);
    config.addProperty("quant_method", "bitsandbytes");
    return config;
  }

  /** Linear maps whose weight is plain numbers: transformers would make quantised ones of them. */
  private List<String> plainMaps() {
    return model
        .sites()
        .filter(LinearSite.class::isInstance)
        .map(LinearSite.class::cast)
        .filter(site -> !site.weight().isQuantized())
        .map(LinearSite::name)
        .toList();
  }
}
