package io.github.peft4j.methods.tokens;

import io.github.peft4j.adapter.layout.PeftLayout;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.Site;
import io.github.peft4j.tuner.site.TiedTable;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The file layout of trainable tokens. The files are small, because they never contain a whole
 * embedding.
 */
public final class TrainableTokensLayout implements PeftLayout<TrainableTokensConfig> {

  @Override
  public Set<String> types() {
    return Set.of("TRAINABLE_TOKENS");
  }

  @Override
  public boolean storesTables(TrainableTokensConfig config) {
    return false;
  }

  /** PEFT stores the rows under the name of each module that shares the embedding. */
  @Override
  public Map<String, Trainable> repeated(TrainableTokensConfig config, Sites sites) {
    TiedTable shared = sites.tokenTable();
    Map<String, Trainable> repeated = new HashMap<>();
    if (sites.layer(shared.embedding()) instanceof TokenRows table) {
      Stream<String> outputs = shared.outputs().stream().map(Site::name);
      Stream<String> stacks =
          sites.all(InputSite.class).stream()
              .filter(input -> input.embedding() == shared.embedding())
              .flatMap(input -> Stream.ofNullable(input.alias()));
      Stream.concat(outputs, stacks)
          .forEach(
              module ->
                  repeated.put(
                      prefix() + module + "." + TokenVectors.KEY, table.rows().trainable()));
    }
    return repeated;
  }
}
