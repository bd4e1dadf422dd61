package io.github.peft4j.methods.lora.init;

import com.google.gson.annotations.SerializedName;

/** Which part of a weight CorDA trains: {@code corda_method}. */
public enum CordaMethod {
  /** Instruction-previewed: what the examples use most, so that it is learnt fast. */
  @SerializedName("ipm")
  IPM,
  /** Knowledge-preserved: what the examples use least, so that what they stand for is kept. */
  @SerializedName("kpm")
  KPM
}
