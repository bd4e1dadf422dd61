package io.github.peft4j.io;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import java.io.IOException;
import java.io.Reader;

/**
 * Reads JSON strictly, and refuses deep nesting, which would overflow the stack of who reads it by
 * recursion. Gson has a limit itself since 2.12, but the executors of Spark have 2.11.
 */
public final class StrictJsonReader extends JsonReader {

  private final int most;
  private int depth;

  /**
   * Reads from a text.
   *
   * @param most the most arrays and objects inside each other, 0 or more. One more is a {@link
   *     MalformedJsonException}
   */
  public StrictJsonReader(Reader text, int most) {
    super(text);
    setStrictness(Strictness.STRICT);
    this.most = most;
  }

  @Override
  public void beginArray() throws IOException {
    super.beginArray();
    deeper();
  }

  @Override
  public void beginObject() throws IOException {
    super.beginObject();
    deeper();
  }

  @Override
  public void endArray() throws IOException {
    super.endArray();
    depth--;
  }

  @Override
  public void endObject() throws IOException {
    super.endObject();
    depth--;
  }

  @Override
  public void skipValue() throws IOException {
    int outside = depth;
    do {
      JsonToken next = peek();
      switch (next) {
        case BEGIN_ARRAY -> beginArray();
        case BEGIN_OBJECT -> beginObject();
        case END_ARRAY -> endArray();
        case END_OBJECT -> endObject();
        default -> super.skipValue();
      }
    } while (depth > outside);
  }

  private void deeper() throws IOException {
    if (++depth > most) {
      throw new MalformedJsonException(
          "Nesting limit %d reached at path %s".formatted(most, getPath()));
    }
  }
}
