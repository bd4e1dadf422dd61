package io.github.peft4j.io;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JsonFileTest {

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      value = {
        "`{\"a\": 1,|\"b\" 2}`, : line 2",
        "{\"a\": [1|, : line 2",
        "{\"a\": \"x, : line 1",
        "{\"a\": {|}|\"b\": 1}, : line 3",
        "{} {}, `: line 1, column 5. Correct`"
      })
  void brokenTextNamesThePlaceAndNothingOfTheParser(String text, String place) throws IOException {
    Path file = Files.writeString(folder.resolve("config.json"), text.replace('|', '\n'));
    assertThatThrownBy(() -> JsonFile.read(file))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(file + " is not valid JSON" + place)
        .hasMessageEndingWith("Correct it there if you have edited it, or fetch the file again")
        .hasMessageNotContainingAny("JsonReader", "http", "Exception");
  }
}
