package io.github.peft4j.data.format;

import io.github.peft4j.advice.Remedy;
import io.github.peft4j.data.DataException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The kinds of data files. */
public enum Kind {
  /** Objects of JSON: one a line, one array of them, or one object that is the file. */
  JSON("jsonl", "ndjson", "json"),
  /** Values with commas, RFC 4180. */
  CSV("csv"),
  /** Values with tabs, without quotation marks. */
  TSV("tsv", "tab"),
  /** Columns of Apache Parquet. */
  PARQUET("parquet"),
  /** Texts, one a line, as the column {@code text}. */
  TEXT("txt", "text");

  private final String[] suffixes;

  Kind(String... suffixes) {
    this.suffixes = suffixes;
  }

  /** The suffixes of all kinds, for messages. */
  public static final String SUFFIXES =
      ".jsonl, .json, .csv, .tsv, .parquet or .txt, also with .gz";

  /** The kind that a file's name says, without {@code .gz}, or null. */
  public static @Nullable Kind named(Path path) {
    String name = String.valueOf(path.getFileName()).toLowerCase(Locale.ROOT);
    name = name.endsWith(".gz") ? name.substring(0, name.length() - 3) : name;
    String suffix = name.substring(name.lastIndexOf('.') + 1);
    for (Kind kind : values()) {
      if (Arrays.asList(kind.suffixes).contains(suffix)) {
        return kind;
      }
    }
    return null;
  }

  /**
   * The kind of a file: Parquet if its first bytes say so, else the one that is wanted, else what
   * its name says, else JSON if it starts as JSON does.
   */
  static Kind of(Path path, Content content, @Nullable Kind wanted) {
    byte[] start = content.read(0, (int) Math.min(8, content.size()));
    if (starts(start, 'P', 'A', 'R', '1')) {
      if (wanted != null && wanted != PARQUET) {
        throw new DataException(
            "%s is a Parquet file, expected %s. Read it by Data.read".formatted(path, wanted));
      }
      return PARQUET;
    }
    String other = foreign(start);
    if (other != null) {
      throw new DataException("%s: %s".formatted(path, other));
    }
    Kind named = wanted == null ? named(path) : wanted;
    if (named == PARQUET) {
      throw new DataException(
          path + ": a Parquet file starts with PAR1, this one does not. Is it damaged?");
    }
    if (named != null) {
      return named;
    }
    int first = new Scanner(path.toString(), content).first();
    if (first == '{' || first == '[') {
      return JSON;
    }
    throw new DataException(
        "%s: neither name nor content say what kind of file this is. Expected a name with %s"
            .formatted(path, SUFFIXES),
        Remedy.SAY_KIND_OF_FILE.with(
            "Rename it, or say it: Csv.read(…), or Conll.read(…) for words with tags"));
  }

  private static @Nullable String foreign(byte[] start) {
    if (starts(start, 0xFF, 0xFE) || starts(start, 0xFE, 0xFF)) {
      return "the text is UTF-16, expected UTF-8. Convert it, for example by iconv -f UTF-16 -t"
          + " UTF-8";
    }
    if (starts(start, 'P', 'K', 3, 4)) {
      return "this is a ZIP archive or a spreadsheet. Unpack it, or save the sheet as CSV";
    }
    if (starts(start, 0x28, 0xB5, 0x2F, 0xFD)) {
      return "this is packed by zstd, expected a plain or gzipped file. Unpack it: zstd -d";
    }
    if (starts(start, 'B', 'Z', 'h')) {
      return "this is packed by bzip2, expected a plain or gzipped file. Unpack it: bunzip2";
    }
    if (starts(start, 0xFD, '7', 'z', 'X', 'Z')) {
      return "this is packed by xz, expected a plain or gzipped file. Unpack it: unxz";
    }
    if (starts(start, 'A', 'R', 'R', 'O', 'W', '1')) {
      return "this is an Arrow file. Write it as Parquet: Dataset.to_parquet in Python";
    }
    return null;
  }

  private static boolean starts(byte[] bytes, int... wanted) {
    for (int i = 0; i < wanted.length; i++) {
      if (i >= bytes.length || bytes[i] != (byte) wanted[i]) {
        return false;
      }
    }
    return true;
  }
}
