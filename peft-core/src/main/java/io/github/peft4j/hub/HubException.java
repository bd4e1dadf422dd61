package io.github.peft4j.hub;

import org.jspecify.annotations.Nullable;

/** A repository of the hub cannot be downloaded. The message says why, and what to do. */
public class HubException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /** An error of the hub. */
  public HubException(String message) {
    super(message);
  }

  /** An error of the hub, with its cause. */
  public HubException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
