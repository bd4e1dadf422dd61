package io.github.peft4j.cli;

import io.github.peft4j.PeftModel;
import io.github.peft4j.generate.GenerationConfig;
import java.io.PrintWriter;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Continues or answers one prompt. */
@Command(
    name = "generate",
    description = "Continues or answers a prompt, without a chat template.",
    sortOptions = false,
    abbreviateSynopsis = true)
final class Generate implements Callable<Integer> {

  @Mixin private final ModelOptions model = new ModelOptions();
  @Mixin private final AdapterOption adapter = new AdapterOption();

  @Mixin private final PromptOption prompt = new PromptOption();

  @Mixin private final GenerationOptions generation = new GenerationOptions();
  @Mixin private final Common common = new Common();

  @Override
  public Integer call() {
    Mistakes.given("--model", model.model);
    PrintWriter out = common.out();
    GenerationConfig config = generation.config(model.seed, out);
    String text = Mistakes.given("--prompt", prompt.text());
    try (PeftModel loaded = model.load(Optional.empty())) {
      adapter.load(loaded);
      loaded.generate(
          text,
          config,
          piece -> {
            out.print(piece);
            out.flush();
          });
      out.println();
    }
    return Cli.FINE;
  }
}
