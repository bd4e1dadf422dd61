package io.github.peft4j.methods.hira;

import io.github.peft4j.methods.common.linear.TargetedLayout;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The file layout of HiRA. The ranks of a file's tensors count, and not its config's. */
public final class HiraLayout extends TargetedLayout<HiraConfig> {

  private static final Pattern A =
      Pattern.compile("(?:" + Pattern.quote(PREFIX) + ")?(.*)\\.hira_(?:embedding_)?A");

  /** The layout. */
  public HiraLayout() {
    super("HIRA");
  }

  /**
   * PEFT 0.21 ignores {@code rank_pattern} in a model's first adapter and applies it in further
   * ones. So the ranks come from the file's tensors.
   */
  @Override
  public HiraConfig asStored(HiraConfig config, Map<String, long[]> shapes) {
    Map<String, Integer> ranks = new LinkedHashMap<>();
    shapes.forEach(
        (name, shape) -> {
          Matcher a = A.matcher(name);
          if (a.matches() && shape.length == 2) {
            ranks.put(Pattern.quote(a.group(1)), Math.toIntExact(shape[0]));
          }
        });
    return config.rankPattern(ranks);
  }
}
