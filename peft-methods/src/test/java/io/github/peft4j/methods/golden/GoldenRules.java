package io.github.peft4j.methods.golden;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;

/**
 * Where a case is not compared number by number, and why: what {@code golden/rules.json} says of
 * it. What no rule names is compared.
 *
 * @param rules those of one case
 */
record GoldenRules(List<Rule> rules) {

  /** A way in which tensors are compared otherwise. */
  enum Kind {
    /**
     * Gradients that are zero except for rounding: they have to be so here too, and what AdamW
     * makes of them is not compared.
     */
    NOISE,
    /** Five steps drift apart by rounding: where they do, they have to agree in FLOAT64. */
    FLOAT64,
    /**
     * Logits and steps were computed with dropout, whose elements nobody knows: only what was
     * computed without it is compared.
     */
    DROPOUT,
    /**
     * PEFT's gradients are not the loss's derivatives: they are not compared, nor are steps, but
     * logits and files are.
     */
    DERIVATIVE,
    /** Logits were computed with tensors that the folder lacks: they are not compared. */
    UNSAVED,
    /** PEFT's model never computes with the tensor: here it is set to what changes nothing. */
    UNREACHED
  }

  /**
   * One rule.
   *
   * @param cases matches the names of cases, {@code t5/lora-all}
   * @param tensors matches the names of tensors as PyTorch has them
   */
  record Rule(Kind kind, String cases, String tensors, String reason) {

    private static Rule of(JsonObject json) {
      return new Rule(
          Kind.valueOf(json.get("rule").getAsString().toUpperCase(Locale.ROOT)),
          json.get("cases").getAsString(),
          json.get("tensors").getAsString(),
          json.get("reason").getAsString());
    }
  }

  /** The rules of a case. */
  static GoldenRules of(String name) {
    List<Rule> rules = new ArrayList<>();
    try (InputStream in = GoldenRules.class.getResourceAsStream("/golden/rules.json")) {
      for (JsonElement rule :
          JsonParser.parseReader(
                  new InputStreamReader(Objects.requireNonNull(in), StandardCharsets.UTF_8))
              .getAsJsonArray()) {
        rules.add(Rule.of(rule.getAsJsonObject()));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new GoldenRules(rules.stream().filter(rule -> name.matches(rule.cases())).toList());
  }

  /** Why a tensor is compared otherwise, if it is. */
  Optional<String> reason(Kind kind, String tensor) {
    return rules.stream()
        .filter(rule -> rule.kind() == kind && tensor.matches(rule.tensors()))
        .findFirst()
        .map(Rule::reason);
  }
}
