package io.github.peft4j.methods.full;

import io.github.peft4j.PeftMethod;
import io.github.peft4j.tuner.EmbeddingSite;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.ParameterSite;
import io.github.peft4j.tuner.Sites;
import io.github.peft4j.tuner.TrainableCopy;
import java.util.HashSet;
import java.util.Set;

/** Full fine-tuning: a copy of every tensor is trained in place of the frozen one. */
public final class Full implements PeftMethod<FullConfig> {

  @Override
  public String type() {
    return "FULL";
  }

  @Override
  public Class<FullConfig> configType() {
    return FullConfig.class;
  }

  @Override
  public void inject(FullConfig config, Sites sites) {
    sites.parameters(config::trains).required().forEach(site -> sites.train(site, null));
    Set<ParameterSite> published = new HashSet<>(sites.all(ParameterSite.class));
    for (LinearSite output : sites.all(LinearSite.class)) {
      if (!published.contains(output.weight())) {
        follow(output, sites);
      }
    }
  }

  /** An output map that shares the token table follows the table's copy. */
  private static void follow(LinearSite output, Sites sites) {
    for (EmbeddingSite embedding : sites.all(EmbeddingSite.class)) {
      boolean table = embedding.weight().shape().equals(output.weight().shape());
      if (table && sites.layer(embedding.weight()) instanceof TrainableCopy copy) {
        sites.rewrite(output, new TiedLinear(copy));
        return;
      }
    }
  }
}
