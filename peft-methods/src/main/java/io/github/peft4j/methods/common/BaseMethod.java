package io.github.peft4j.methods.common;

import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.method.PeftMethod;

/** A method of a fixed type and config. */
public abstract class BaseMethod<C extends PeftConfig> implements PeftMethod<C> {

  private final String type;
  private final Class<C> configType;

  /**
   * Names the method.
   *
   * @param type see {@link #type}
   * @param configType see {@link #configType}
   */
  protected BaseMethod(String type, Class<C> configType) {
    this.type = type;
    this.configType = configType;
  }

  @Override
  public final String type() {
    return type;
  }

  @Override
  public final Class<C> configType() {
    return configType;
  }
}
