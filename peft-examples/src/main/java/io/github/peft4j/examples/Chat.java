package io.github.peft4j.examples;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.chat.TrainOn;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.ConversationExample;
import io.github.peft4j.data.conversation.Message;
import io.github.peft4j.data.reader.Data;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.Samples;
import io.github.peft4j.train.TrainingReport;
import java.nio.file.Path;
import java.util.Map;

/**
 * Teaches an instruct model the conversations of a file, with LoRA on all its linear layers, and
 * asks it a question.
 *
 * <pre>
 * mvn -q compile exec:java -Dexec.mainClass=io.github.peft4j.examples.Chat \
 *     -Dexec.args="--model DIR --data chats.jsonl --ask 'How do I reset the PIN?'"
 * </pre>
 */
public final class Chat {

  static final Program PROGRAM =
      new Program(
          "Chat",
          "teaches an instruct model the conversations of a file, with LoRA",
          """
          --model WHERE       a decoder with a chat template: a folder, a .gguf file, or org/name
                              on the hub
          --data FILE         conversations: messages, ShareGPT, Alpaca or prompts with completions
          [--train-on PARTS]  what counts in the loss: assistant (by default), last or all
          [--held-out N]      conversations to measure with, a tenth by default
          [--rank N]          of LoRA, 16 by default
          [--epochs N]        passes over the data, 2 by default
          [--lr X]            learning rate, 2e-4 by default
          [--batch N]         rows a step, 8 by default
          [--max-length N]    tokens of a conversation, at most 1024 by default
          [--packing]         puts several conversations into a row
          [--ask TEXT]        a question to answer after the training
          [--seed N]          42 by default
          [--out DIR]         for adapter, chart and report, target/chat by default
          [--gguf FILE]       also writes the adapter as a GGUF file, for llama.cpp and Ollama
          """);

  private static final Map<String, TrainOn> PARTS =
      Map.of("assistant", TrainOn.ASSISTANT_TURNS, "last", TrainOn.LAST_TURN, "all", TrainOn.ALL);
  private static final int LENGTH = 1024;

  private Chat() {}

  /** Runs it. */
  public static void main(String... args) {
    PROGRAM.main(args, Chat::run);
  }

  static void run(Arguments arguments) {
    int seed = arguments.integer("seed", 42);
    Dataset.Split<ConversationExample> data =
        HeldOut.split(Data.read(arguments.text("data")).conversations(), arguments, seed);
    int rank = arguments.count("rank", 16);
    try (PeftModel model = Peft.from(arguments.text("model")).seed(seed).load()) {
      Program.requireTokenizer(model);
      model.adapt(LoraConfig.ofRank(rank).loraAlpha(2.0 * rank).targetModules("all-linear"));
      TrainingReport report =
          FineTuner.of(model)
              .on(data.train())
              .validateOn(data.heldOut())
              .trainOn(parts(arguments))
              .epochs(arguments.count("epochs", 2))
              .batchSize(arguments.count("batch", 8))
              .maxLength(
                  arguments.count(
                      "max-length", (int) Math.min(LENGTH, model.base().maxPositions())))
              .packing(arguments.has("packing"))
              .learningRate(arguments.number("lr", 2e-4))
              .warmup(0.03)
              .seed(seed)
              .run();
      System.out.println(report);
      Path out = Path.of(arguments.text("out", "target/chat"));
      model.save(out.toString());
      if (arguments.has("gguf")) {
        model.saveAdapterGguf(PeftModel.DEFAULT, Path.of(arguments.text("gguf")));
      }
      report.chart(out.resolve("training.png").toString());
      report.html(out.resolve("report.html").toString(), Samples.of(model, data.heldOut(), 5));
      if (arguments.has("ask")) {
        Conversation question = Conversation.of(Message.user(arguments.text("ask")));
        model.chat(question, GenerationConfig.greedy().maxNewTokens(200), System.out::print);
        System.out.println();
      }
    }
  }

  private static TrainOn parts(Arguments arguments) {
    TrainOn parts = PARTS.get(arguments.text("train-on", "assistant"));
    if (parts == null) {
      throw arguments.error(
          "--train-on is '" + arguments.text("train-on") + "', expected assistant, last or all");
    }
    return parts;
  }
}
