package io.github.peft4j.transformer.checkpoint;

import io.github.peft4j.io.RenamedTensors;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.transformer.family.Family;
import java.util.LinkedHashMap;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The tensors of a part of a larger model. */
final class PartNames {

  private static final Logger LOG = LoggerFactory.getLogger(PartNames.class);

  private PartNames() {}

  /** The part's tensors under today's names. */
  static TensorSource of(Family.Part part, TensorSource source) {
    Map<String, String> stored = new LinkedHashMap<>();
    int others = 0;
    for (String name : source.names()) {
      if (part.others().stream().anyMatch(name::startsWith)) {
        others++;
      } else {
        stored.put(today(part, name), name);
      }
    }
    if (others > 0) {
      LOG.info(
          "{} tensors of other parts of the model are not loaded: those of {}",
          others,
          part.others());
    }
    return new RenamedTensors(source, stored);
  }

  private static String today(Family.Part part, String name) {
    return part.prefixes().entrySet().stream()
        .filter(prefix -> name.startsWith(prefix.getKey()))
        .findFirst()
        .map(prefix -> prefix.getValue() + name.substring(prefix.getKey().length()))
        .orElse(name);
  }
}
