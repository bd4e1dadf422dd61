package io.github.peft4j.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import java.io.IOException;
import java.io.StringReader;
import org.junit.jupiter.api.Test;

class StrictJsonReaderTest {

  private static StrictJsonReader reader(String text) {
    return new StrictJsonReader(new StringReader(text), 2);
  }

  @Test
  void countsWhatIsInsideEachOtherAlone() throws IOException {
    StrictJsonReader reader = reader("[[1], {\"a\": [], \"b\": 2}]");
    assertThatThrownBy(
            () -> {
              reader.beginArray();
              reader.beginArray();
              assertThat(reader.nextInt()).isEqualTo(1);
              reader.endArray();
              reader.beginObject();
              assertThat(reader.nextName()).isEqualTo("a");
              reader.beginArray();
            })
        .isInstanceOf(MalformedJsonException.class)
        .hasMessage("Nesting limit 2 reached at path $[1].a[0]");
  }

  @Test
  void skipsValuesOfAnyTypeButNotDeepOnes() throws IOException {
    StrictJsonReader reader = reader("[{\"a\": 1, \"b\": null}, [true, \"x\"], 7]");
    reader.beginArray();
    reader.skipValue();
    reader.skipValue();
    assertThat(reader.nextInt()).isEqualTo(7);
    reader.endArray();
    assertThat(reader.peek()).isEqualTo(JsonToken.END_DOCUMENT);

    StrictJsonReader deep = reader("[{\"a\": [1]}]");
    deep.beginArray();
    assertThatThrownBy(deep::skipValue).isInstanceOf(MalformedJsonException.class);
  }
}
