package io.github.peft4j.examples;

import io.github.peft4j.Peft;
import io.github.peft4j.pretrained.MiniLm;
import java.nio.file.Files;
import java.nio.file.Path;

/** The model that {@code --model} names. */
final class NamedModel {

  private static final String MINILM = "minilm";

  private NamedModel() {}

  /** A folder has precedence over the built-in model of the same name. */
  static Peft.Loader loader(String model) {
    if (!model.equals(MINILM)) {
      return Peft.from(model);
    }
    if (Files.isDirectory(Path.of(model))) {
      System.out.println("--model minilm: the folder of that name, not the model out of the jar");
      return Peft.from(model);
    }
    return MiniLm.loader();
  }
}
