package io.github.peft4j.examples.bench;

import io.github.peft4j.PeftModel;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.generate.Generator;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Greedy generation: the prompts of a batch, and as many new tokens for each. */
final class Decoding implements Work {

  private final Generator generator;
  private final List<String> prompts;
  private final int newTokens;
  private int shortest = Integer.MAX_VALUE;

  Decoding(PeftModel model, Batch prompts, int newTokens) {
    this.generator = model.generator();
    this.prompts =
        Arrays.stream(prompts.inputIds())
            .map(ids -> Arrays.stream(ids).mapToObj(Shape::word).collect(Collectors.joining(" ")))
            .toList();
    this.newTokens = newTokens;
  }

  @Override
  public int warmUp() {
    return 3;
  }

  @Override
  public void run(Batch batch) {
    GenerationConfig config = GenerationConfig.greedy().maxNewTokens(newTokens);
    generator
        .generate(prompts, config)
        .forEach(text -> shortest = Math.min(shortest, text.newTokens()));
  }

  @Override
  public long tokens(Batch batch) {
    return (long) batch.size() * newTokens;
  }

  @Override
  public Map<String, Object> check(Batch first) {
    if (shortest != newTokens) {
      throw new UnsoundException(
          "a text has %d new tokens, expected %d".formatted(shortest, newTokens));
    }
    return Map.of();
  }
}
