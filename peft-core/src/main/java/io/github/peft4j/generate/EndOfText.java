package io.github.peft4j.generate;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.data.Tokenizer;
import io.github.peft4j.transformer.ModelConfig;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** The tokens that end a text: one, or several as of models that chat. */
final class EndOfText {

  private static final String FIELD = "eos_token_id";

  private EndOfText() {}

  /** Those that config.json lists and the tokenizer's. */
  static Set<Long> of(ModelConfig config, Tokenizer tokenizer) {
    Set<Long> ids = new HashSet<>();
    tokenizer.eosId().ifPresent(ids::add);
    if (config.has(FIELD)) {
      JsonObject json = config.json();
      List<JsonElement> listed =
          json.get(FIELD).isJsonArray()
              ? json.getAsJsonArray(FIELD).asList()
              : List.of(json.get(FIELD));
      listed.forEach(id -> ids.add(id.getAsLong()));
    }
    return Set.copyOf(ids);
  }
}
