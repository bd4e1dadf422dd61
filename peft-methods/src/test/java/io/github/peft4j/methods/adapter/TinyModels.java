package io.github.peft4j.methods.adapter;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** The golden models with a tokenizer beside them: words w3 … w39 are the ids 3 … 39. */
public final class TinyModels {

  private TinyModels() {}

  /** A folder of the project's own golden set. */
  public static Path golden(String name) {
    try {
      return Path.of(
          Objects.requireNonNull(TinyModels.class.getResource("/golden/" + name)).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** A copy of a golden model, with a tokenizer. */
  public static Path copy(String name, Path target) {
    try {
      Files.createDirectories(target);
      for (String file : new String[] {"config.json", "model.safetensors"}) {
        Files.copy(golden(name).resolve(file), target.resolve(file));
      }
      Files.writeString(target.resolve("tokenizer.json"), tokenizer(40));
      return target;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A tokenizer that splits at blanks and knows this many words. */
  public static String tokenizer(int words) {
    String vocabulary =
        Stream.concat(
                Stream.of("\"<pad>\": 0", "\"<unk>\": 1", "\"</s>\": 2"),
                IntStream.range(3, words).mapToObj(i -> "\"w" + i + "\": " + i))
            .collect(Collectors.joining(", "));
    return """
    {"version": "1.0", "truncation": null, "padding": null,
     "added_tokens": [
       {"id": 0, "content": "<pad>", "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false},
       {"id": 2, "content": "</s>", "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false}],
     "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
     "model": {"type": "WordLevel", "unk_token": "<unk>", "vocab": {%s}}}
    """
        .formatted(vocabulary);
  }
}
