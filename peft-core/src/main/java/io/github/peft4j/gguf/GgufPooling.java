package io.github.peft4j.gguf;

import java.util.Arrays;
import java.util.Optional;

/** How the states of a model become the vector of a text: {@code pooling_type} of GGUF files. */
public enum GgufPooling {
  /** The file does not say it, or leaves it to the program that runs the model. */
  UNSAID(0),
  /** The mean of all tokens. */
  MEAN(1),
  /** The first token. */
  CLS(2),
  /** The last token. */
  LAST(3);

  private final int id;

  GgufPooling(int id) {
    this.id = id;
  }

  /** llama.cpp's number. */
  int id() {
    return id;
  }

  static Optional<GgufPooling> of(long id) {
    return Arrays.stream(values()).filter(each -> each.id == id).findFirst();
  }
}
