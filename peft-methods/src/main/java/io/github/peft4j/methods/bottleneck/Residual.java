package io.github.peft4j.methods.bottleneck;

import com.google.gson.JsonElement;
import com.google.gson.JsonPrimitive;

/** What a serial adapter's output is added to, when it reads the normalised sum. */
public enum Residual {
  /** The branch's output, before sum and norm. */
  BRANCH("true"),
  /** What the adapter reads: the normalised sum. */
  NORMALISED("false"),
  /** The sum of branch and stream, before the norm. */
  SUM("post_add");

  private final String id;

  Residual(String id) {
    this.id = id;
  }

  /** From {@code residual_before_ln}: true, false or "post_add". */
  public static Residual fromJson(JsonElement json) {
    for (Residual residual : values()) {
      if (residual.id.equals(json.getAsString())) {
        return residual;
      }
    }
    throw new IllegalArgumentException("true, false or \"post_add\"");
  }

  /** As it stands in adapter_config.json. */
  public JsonElement toJson() {
    return this == SUM ? new JsonPrimitive(id) : new JsonPrimitive(this == BRANCH);
  }
}
