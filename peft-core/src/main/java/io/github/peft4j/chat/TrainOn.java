package io.github.peft4j.chat;

/** Which parts of a conversation a model learns to write. */
public enum TrainOn {
  /** All turns of the assistant. */
  ASSISTANT_TURNS,
  /** The last turn, which is the assistant's. */
  LAST_TURN,
  /** Everything, the turns of the user and the template's own text included. */
  ALL
}
