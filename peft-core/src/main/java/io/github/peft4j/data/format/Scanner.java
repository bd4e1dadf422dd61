package io.github.peft4j.data.format;

import io.github.peft4j.data.DataException;

/** Reads the bytes of a content in order, finds its rows, and counts lines. */
final class Scanner {

  private static final int END = -1;

  private final String source;
  private final Content content;
  private final byte[] buffer = new byte[1 << 16];
  private long filled; // the position after the buffer's last byte
  private int limit;
  private int next;
  private int line = 1;

  Scanner(String source, Content content) {
    this.source = source;
    this.content = content;
    boolean mark =
        content.size() >= 3
            && content.read(0, 1)[0] == (byte) 0xEF
            && content.read(1, 1)[0] == (byte) 0xBB
            && content.read(2, 1)[0] == (byte) 0xBF;
    filled = mark ? 3 : 0;
  }

  private long position() {
    return filled - limit + next;
  }

  /** The next byte, which stays; -1 at the end. */
  private int peek() {
    if (next == limit) {
      limit = (int) Math.min(buffer.length, content.size() - filled);
      if (limit == 0) {
        next = 0;
        return END;
      }
      content.read(filled, buffer, limit);
      filled += limit;
      next = 0;
    }
    return buffer[next] & 0xff;
  }

  private int take() {
    int b = peek();
    if (b != END) {
      next++;
      line += b == '\n' ? 1 : 0;
    }
    return b;
  }

  private boolean atEnd() {
    return peek() == END;
  }

  private static boolean isBlank(int b) {
    return b == ' ' || b == '\t' || b == '\r' || b == '\n';
  }

  /** The first byte that is not blank, or -1. */
  int first() {
    while (!atEnd() && isBlank(peek())) {
      take();
    }
    return peek();
  }

  /** The rows are the lines that are not blank, without their line breaks. */
  Index lines() {
    return records(',', false);
  }

  /**
   * The rows are records of delimited values: lines, but a line break within quotation marks
   * belongs to its value. Quotation marks count at the start of a value. Blank lines are no rows.
   *
   * @param delimiter between values, in ASCII
   * @param quoted whether values may have quotation marks
   */
  Index records(char delimiter, boolean quoted) {
    Index index = new Index();
    while (!atEnd()) {
      long start = position();
      int startLine = line;
      long end = start;
      boolean blank = true;
      boolean valueStarts = true;
      boolean inside = false;
      while (!atEnd()) {
        int b = take();
        if (!inside && (b == '\n' || (quoted && b == '\r'))) {
          break;
        }
        boolean mark = quoted && b == '"' && (inside || valueStarts);
        inside ^= mark;
        // A quotation mark right after a closing one stands for itself, and opens again.
        valueStarts = !inside && (b == delimiter || mark);
        blank &= isBlank(b) && b != delimiter;
        end = b == '\r' && !inside ? end : position();
      }
      if (!blank) {
        index.add(start, length(start, end, startLine), startLine);
      }
    }
    return index;
  }

  private int length(long start, long end, int startLine) {
    if (end - start > Integer.MAX_VALUE - 16) {
      throw new DataException(
          "%s, line %d: the row has %,d bytes, expected fewer than 2 GiB. Is a quotation mark or line break missing?"
              .formatted(source, startLine, end - start));
    }
    return (int) (end - start);
  }

  /** The rows are the elements of a JSON array, which is all there is. */
  Index elements() {
    Index index = new Index();
    first();
    expect('[');
    if (first() == ']') {
      take();
    } else {
      do {
        value(index);
      } while (separated());
    }
    if (first() != END) {
      throw wrong("there is more after the end of the array, expected one array of objects");
    }
    return index;
  }

  private void expect(char wanted) {
    if (take() != wanted) {
      throw wrong("expected '" + wanted + "'");
    }
  }

  /** Whether another element follows. */
  private boolean separated() {
    int b = first();
    if (atEnd()) {
      throw wrong(
          "the file ends within its JSON array. Is it truncated? Copy or download it again");
    }
    take();
    if (b != ',' && b != ']') {
      throw wrong("expected a comma or the end of the array, found '%c'".formatted((char) b));
    }
    return b == ',';
  }

  /** The row is the one JSON object that is all there is; no row, if that is not so. */
  Index object() {
    Index index = new Index();
    first();
    return value(index) && first() == END ? index : new Index();
  }

  /**
   * Adds a value: up to the comma or bracket that ends it. What it is, its parser says. Returns
   * whether it ended with a bracket of its own.
   */
  private boolean value(Index index) {
    first();
    long start = position();
    int startLine = line;
    long end = start;
    int depth = 0;
    boolean inside = false;
    boolean closed = false;
    while (!closed && !atEnd()) {
      int b = peek();
      if (!inside && depth == 0 && (b == ',' || b == ']' || b == '}')) {
        break;
      }
      take();
      if (inside && b == '\\' && !atEnd()) {
        take();
      } else if (b == '"') {
        inside = !inside;
      } else if (!inside) {
        depth += b == '{' || b == '[' ? 1 : b == '}' || b == ']' ? -1 : 0;
      }
      end = inside || !isBlank(b) ? position() : end;
      closed = depth == 0 && !inside && (b == '}' || b == ']');
    }
    index.add(start, length(start, end, startLine), startLine);
    return closed;
  }

  private DataException wrong(String problem) {
    return new DataException("%s, line %d: %s".formatted(source, line, problem));
  }
}
