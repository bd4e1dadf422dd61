package io.github.peft4j.gguf;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Values of gguf's Metadata.id_to_title and size_label. */
class TitlesTest {

  @ParameterizedTest
  @CsvSource({
    "models/llama-3.2-1b, Llama 3.2 1b",
    "HuggingFaceTB/smollm2-135m-8k-lc100k-mix1-ep2, Smollm2 135m 8k Lc100K Mix1 Ep2",
    "Qwen2.5-0.5B-Instruct/, Qwen2.5 0.5B Instruct",
    "C:\\models\\support.gguf, Support",
    "v1.5-x, v1.5 X",
    "/, Model"
  })
  void namesBecomeTitles(String name, String title) {
    assertEquals(title, Titles.of(name));
  }

  @ParameterizedTest
  @CsvSource({
    "75000, 75K",
    "9400, 9.4K",
    "134515008, 135M",
    "1235814400, 1.2B",
    "8030261248, 8.0B",
    "70553706496, 71B",
    "1100000000000, 1.1T",
    "300, 0.30K"
  })
  void countsHaveTwoDigitsOrMore(long parameters, String label) {
    assertEquals(label, Titles.size(parameters));
  }
}
