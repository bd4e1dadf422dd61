package io.github.peft4j.spark;

import ai.djl.modality.Classifications;
import io.github.peft4j.TextModel;
import io.github.peft4j.generate.Generation;
import java.io.Serializable;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.StructField;

/** The new columns of a scored row, and how a model computes their values from texts. */
interface Scoring extends Serializable {

  /** The new columns. */
  List<StructField> fields(String name);

  /**
   * The values of the new columns.
   *
   * @param texts of one batch
   * @return for each text a value for each of the fields
   */
  List<List<Object>> of(TextModel model, List<String> texts);

  /** The likeliest class, and its probability. */
  final class Classes implements Scoring {

    private static final long serialVersionUID = 1;

    @Override
    public List<StructField> fields(String name) {
      return List.of(
          field(name, DataTypes.StringType), field(name + "_probability", DataTypes.DoubleType));
    }

    @Override
    public List<List<Object>> of(TextModel model, List<String> texts) {
      return model.classify(texts).stream()
          .map(Classifications::<Classifications.Classification>best)
          .map(best -> List.<Object>of(best.getClassName(), best.getProbability()))
          .toList();
    }
  }

  /** The vector of a text. */
  final class Vectors implements Scoring {

    private static final long serialVersionUID = 1;

    @Override
    public List<StructField> fields(String name) {
      return List.of(field(name, DataTypes.createArrayType(DataTypes.FloatType, false)));
    }

    @Override
    public List<List<Object>> of(TextModel model, List<String> texts) {
      return Arrays.stream(model.embed(texts)).map(vector -> List.<Object>of(vector)).toList();
    }
  }

  /**
   * The text that follows a prompt.
   *
   * @param source makes the settings on the executor
   */
  record Texts(GenerationSource source) implements Scoring {

    @Override
    public List<StructField> fields(String name) {
      return List.of(field(name, DataTypes.StringType));
    }

    @Override
    public List<List<Object>> of(TextModel model, List<String> texts) {
      return model.generate(texts, source.settings()).stream()
          .map(Generation::text)
          .map(text -> List.<Object>of(text))
          .toList();
    }
  }

  private static StructField field(String name, DataType type) {
    return new StructField(name, type, false, Metadata.empty());
  }
}
