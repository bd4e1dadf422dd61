package io.github.peft4j.methods.head;

import io.github.peft4j.PeftMethod;
import io.github.peft4j.tuner.Sites;

/**
 * Trains some modules whole and rewrites nothing: a linear probe if that is the classifier alone.
 * What any adapter has to beat.
 *
 * <p>Hugging Face PEFT has no such method. Its {@code peft_type} is peft4j's own.
 */
public final class Head implements PeftMethod<HeadConfig> {

  @Override
  public String type() {
    return "HEAD";
  }

  @Override
  public Class<HeadConfig> configType() {
    return HeadConfig.class;
  }

  @Override
  public void inject(HeadConfig config, Sites sites) {
    if (sites.rewrites().isEmpty()) {
      throw new IllegalArgumentException(
          "HeadConfig: field 'modules_to_save' is "
              + config.modulesToSave()
              + " and the model has no classifier; name a module to train");
    }
  }
}
