package io.github.peft4j.cli;

import io.github.peft4j.PeftModel;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.Message;
import io.github.peft4j.generate.Generation;
import io.github.peft4j.generate.GenerationConfig;
import java.io.BufferedReader;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** A conversation with a model, by its chat template. */
@Command(
    name = "chat",
    description =
        "Talks with a model by its chat template: one answer to --prompt, or a conversation, a line"
            + " of input a message, until the input ends.",
    sortOptions = false,
    abbreviateSynopsis = true)
final class Chat implements Callable<Integer> {

  @Mixin private final ModelOptions model = new ModelOptions();
  @Mixin private final AdapterOption adapter = new AdapterOption();

  @Option(names = "--system", paramLabel = "TEXT", description = "The message of the system.")
  private @Nullable String system;

  @Mixin private final PromptOption prompt = new PromptOption();
  @Mixin private final GenerationOptions generation = new GenerationOptions();
  @Mixin private final Common common = new Common();

  @Override
  public Integer call() {
    Mistakes.given("--model", model.model);
    PrintWriter out = common.out();
    GenerationConfig config = generation.config(model.seed, out);
    String question = prompt.text();
    try (PeftModel loaded = model.load(Optional.empty())) {
      ModelOptions.require(loaded::chatTemplate);
      adapter.load(loaded);
      List<Message> messages = new ArrayList<>();
      if (system != null) {
        messages.add(Message.system(system));
      }
      if (question != null) {
        answer(loaded, messages, question, config, out);
      } else {
        converse(loaded, messages, config, out);
      }
    }
    return Cli.FINE;
  }

  private static void converse(
      PeftModel model, List<Message> messages, GenerationConfig config, PrintWriter out) {
    BufferedReader input = PromptOption.lines();
    for (String line = asked(input, out); line != null; line = asked(input, out)) {
      if (!line.isBlank()) {
        answer(model, messages, line, config, out);
      }
    }
    out.println();
  }

  private static @Nullable String asked(BufferedReader input, PrintWriter out) {
    out.print("> ");
    return out.checkError() ? null : PromptOption.line(input);
  }

  private static void answer(
      PeftModel model,
      List<Message> messages,
      String question,
      GenerationConfig config,
      PrintWriter out) {
    messages.add(Message.user(question));
    Generation answer =
        model.chat(
            Conversation.of(messages),
            config,
            piece -> {
              out.print(piece);
              out.flush();
            });
    out.println();
    messages.add(Message.assistant(answer.text()));
  }
}
