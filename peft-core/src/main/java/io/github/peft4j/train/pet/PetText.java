package io.github.peft4j.train.pet;

import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.TextExample;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A text, or a pair of texts, to classify. */
record PetText(String text, @Nullable String pair) {

  /** The texts of examples, whose labels are not read. */
  static List<PetText> of(Examples<?> examples) {
    return examples.dataset().examples().stream().map(PetText::of).toList();
  }

  private static PetText of(Example example) {
    if (example instanceof TextExample text) {
      return new PetText(text.text(), null);
    }
    if (example instanceof ClassificationExample text) {
      return new PetText(text.text(), text.pair());
    }
    throw new IllegalArgumentException(
        "unlabelled examples are texts, or texts with labels that are not read, but this one is a "
            + example.getClass().getSimpleName()
            + ": read them by .text(column)");
  }
}
