package io.github.peft4j.cli;

import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.Provenance;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** A saved adapter. */
final class AdapterOption {

  @Option(
      names = "--adapter",
      paramLabel = "DIR|NAME",
      description =
          "The folder of an adapter, a .gguf file with a LoRA, or org/name on the Hugging Face hub."
              + " finetune trains it further, instead of a new one.")
  @Nullable String adapter;

  /** Loads the adapter, if there is one, and makes it active. */
  void load(PeftModel model) {
    Mistakes.set("--adapter", adapter, model::loadAdapter);
  }

  /** The labels that the adapter was trained for; empty if its folder does not say. */
  List<String> labels() {
    return adapter == null || !Files.isDirectory(Path.of(adapter))
        ? List.of()
        : Provenance.read(Path.of(adapter)).map(Provenance::labels).orElse(List.of());
  }
}
