package io.github.peft4j.methods.adalora;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The ranks that are kept, by module: {@code rank_pattern} in adapter_config.json. */
public final class RankPattern {

  private static final String KEY = ".lora_E";

  private final Map<String, boolean[]> kept;

  RankPattern(Map<String, boolean[]> kept) {
    this.kept = new LinkedHashMap<>(kept);
  }

  /** From adapter_config.json. */
  public static RankPattern fromJson(JsonElement json) {
    Map<String, boolean[]> kept = new LinkedHashMap<>();
    for (Map.Entry<String, JsonElement> entry : json.getAsJsonObject().entrySet()) {
      JsonArray flags = entry.getValue().getAsJsonArray();
      boolean[] values = new boolean[flags.size()];
      for (int i = 0; i < values.length; i++) {
        values[i] = flags.get(i).getAsBoolean();
      }
      kept.put(entry.getKey().replace(KEY, ""), values);
    }
    return new RankPattern(kept);
  }

  /** The value of {@code rank_pattern} in {@code adapter_config.json}. */
  public JsonElement toJson() {
    JsonObject json = new JsonObject();
    kept.forEach(
        (module, flags) -> {
          JsonArray values = new JsonArray();
          for (boolean flag : flags) {
            values.add(flag);
          }
          json.add(module + KEY, values);
        });
    return json;
  }

  /** The kept ranks of a module, or null if all are. */
  boolean @Nullable [] kept(String module) {
    return kept.get(module);
  }

  static int count(boolean[] flags) {
    int count = 0;
    for (boolean flag : flags) {
      count += flag ? 1 : 0;
    }
    return count;
  }

  /** The ranks that are kept, out of those that an earlier training has kept. */
  static boolean[] within(boolean @Nullable [] earlier, boolean[] kept) {
    if (earlier == null || earlier.length == kept.length) {
      return kept;
    }
    boolean[] all = earlier.clone();
    int next = 0;
    for (int i = 0; i < all.length; i++) {
      all[i] = earlier[i] && kept[next++];
    }
    return all;
  }
}
