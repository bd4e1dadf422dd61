package io.github.peft4j.data.format;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Quote;
import io.github.peft4j.data.Values;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.parquet.ParquetReadOptions;
import org.apache.parquet.column.page.PageReadStore;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.convert.GroupRecordConverter;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.io.ColumnIOFactory;
import org.apache.parquet.io.LocalInputFile;
import org.apache.parquet.io.MessageColumnIO;
import org.apache.parquet.io.RecordReader;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.Type;
import org.jspecify.annotations.Nullable;

/**
 * The rows of a Parquet file as JSON Lines. Parquet has its values by column, so that a single row
 * cannot be read alone; unpacked once, rows are read in any order.
 */
final class ParquetRows {

  /** A file's columns, and its rows as JSON, one a line. */
  record Unpacked(List<String> columns, Content lines) {}

  private ParquetRows() {}

  static Unpacked of(Path path, int mostHeld) {
    try {
      return unpacked(path, mostHeld);
    } catch (DataException e) {
      throw e;
    } catch (UnsupportedOperationException e) {
      throw new DataException(
          "%s: the Parquet file is of a kind that is not read: %s".formatted(path, e.getMessage()),
          e);
    } catch (IOException | RuntimeException | OutOfMemoryError e) {
      throw new DataException(
          "%s: the Parquet file is truncated, damaged or of a kind that is not read: %s"
              .formatted(path, Quote.shorten(e.toString())),
          e);
    }
  }

  private static Unpacked unpacked(Path path, int mostHeld) throws IOException {
    ParquetReadOptions options =
        ParquetReadOptions.builder(new PlainParquetConfiguration())
            .withCodecFactory(new ParquetCodecs())
            .build();
    try (ParquetFileReader file = ParquetFileReader.open(new LocalInputFile(path), options);
        ContentWriter writer = new ContentWriter(mostHeld)) {
      MessageType schema = file.getFooter().getFileMetaData().getSchema();
      long number = 0;
      MessageColumnIO columns = new ColumnIOFactory().getColumnIO(schema);
      for (PageReadStore rows = file.readNextRowGroup();
          rows != null;
          rows = file.readNextRowGroup()) {
        RecordReader<Group> reader =
            columns.getRecordReader(rows, new GroupRecordConverter(schema));
        for (long i = 0; i < rows.getRowCount(); i++) {
          number++;
          String json = Values.json(row(path, number, schema, reader.read()));
          writer.write((json + "\n").getBytes(StandardCharsets.UTF_8));
        }
      }
      return new Unpacked(schema.getFields().stream().map(Type::getName).toList(), writer.finish());
    }
  }

  private static Map<String, @Nullable Object> row(
      Path path, long number, MessageType schema, Group row) {
    try {
      return ParquetValues.row(schema, row);
    } catch (DataException e) {
      throw DataException.at("%s, row %d".formatted(path, number), e);
    }
  }
}
