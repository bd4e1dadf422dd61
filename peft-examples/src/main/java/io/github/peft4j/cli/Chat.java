package io.github.peft4j.cli;

import io.github.peft4j.PeftModel;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.Message;
import io.github.peft4j.generate.Generation;
import io.github.peft4j.generate.GenerationConfig;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.Charset;
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
    sortOptions = false)
final class Chat implements Callable<Integer> {

  @Mixin private final ModelOptions model = new ModelOptions();
  @Mixin private final AdapterOption adapter = new AdapterOption();

  @Option(names = "--system", paramLabel = "TEXT", description = "The message of the system.")
  private @Nullable String system;

  @Option(
      names = "--prompt",
      paramLabel = "TEXT",
      description = "The only message; without it, messages are read from the input.")
  private @Nullable String prompt;

  @Mixin private final GenerationOptions generation = new GenerationOptions();
  @Mixin private final Common common = new Common();

  @Override
  public Integer call() {
    GenerationConfig config = generation.config(model.seed);
    PrintWriter out = common.out();
    try (PeftModel loaded = model.load(Optional.empty())) {
      ModelOptions.require(loaded::chatTemplate);
      adapter.load(loaded);
      List<Message> messages = new ArrayList<>();
      if (system != null) {
        messages.add(Message.system(system));
      }
      if (prompt != null) {
        answer(loaded, messages, prompt, config, out);
      } else {
        converse(loaded, messages, config, out);
      }
    }
    return Cli.FINE;
  }

  // The input stays open: it is not ours.
  private static void converse(
      PeftModel model, List<Message> messages, GenerationConfig config, PrintWriter out) {
    BufferedReader input =
        new BufferedReader(new InputStreamReader(System.in, Charset.defaultCharset()));
    try {
      for (String line = asked(input, out); line != null; line = asked(input, out)) {
        if (!line.isBlank()) {
          answer(model, messages, line, config, out);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException("the input cannot be read", e);
    }
    out.println();
  }

  private static @Nullable String asked(BufferedReader input, PrintWriter out) throws IOException {
    out.print("> ");
    out.flush();
    return input.readLine();
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
