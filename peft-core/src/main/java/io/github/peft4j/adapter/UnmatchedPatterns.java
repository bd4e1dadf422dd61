package io.github.peft4j.adapter;

import io.github.peft4j.config.ConfigJson;
import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.config.Records;
import io.github.peft4j.tuner.site.Rewrite;
import java.lang.reflect.RecordComponent;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Says which expressions of a config's patterns, such as {@code rank_pattern}, match none of the
 * adapted modules. Hugging Face PEFT ignores them in silence.
 */
final class UnmatchedPatterns {

  private static final Logger LOG = LoggerFactory.getLogger(UnmatchedPatterns.class);

  private UnmatchedPatterns() {}

  static void warn(PeftConfig config, List<Rewrite> rewrites) {
    Map<String, ?> values = Records.values(config);
    for (RecordComponent component : Records.fields(config.getClass())) {
      String field = ConfigJson.field(component);
      if (field.endsWith("_pattern") && values.get(component.getName()) instanceof Map<?, ?> map) {
        List<String> unmatched =
            map.keySet().stream()
                .map(Objects::toString)
                .filter(expression -> !matches(expression, rewrites))
                .toList();
        if (!unmatched.isEmpty()) {
          LOG.warn(
              "{}: {} of {} match no module that the adapter changes, and have no effect",
              config.getClass().getSimpleName(),
              unmatched,
              field);
        }
      }
    }
  }

  private static boolean matches(String expression, List<Rewrite> rewrites) {
    Map<String, Boolean> pattern = Map.of(expression, true);
    return rewrites.stream()
        .flatMap(rewrite -> Stream.of(rewrite.site().name(), rewrite.site().module()))
        .anyMatch(name -> Configs.ofModule(pattern, name, false));
  }
}
