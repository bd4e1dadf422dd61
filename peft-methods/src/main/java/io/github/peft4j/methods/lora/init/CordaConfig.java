package io.github.peft4j.methods.lora.init;

import com.google.gson.JsonElement;
import io.github.peft4j.withers.Withers;
import org.jspecify.annotations.Nullable;

/**
 * Settings of CorDA initialisation, with the names and defaults of PEFT's {@code corda_config}.
 *
 * @param cordaMethod which part of a weight is trained; {@code IPM}
 * @param cacheFile where PEFT keeps decompositions; null. Kept when read, and no start is made with
 *     it: the file is Python's
 * @param covarianceFile where PEFT keeps covariances; null, as {@code cacheFile}
 * @param useFloat16ForCovariance whether PEFT computes covariances in the model's precision; false,
 *     as {@code cacheFile}
 * @param pruneTemporaryFields of Python's modules; true, without effect here
 * @param verbose whether PEFT shows progress; false, without effect here
 */
@Withers
public record CordaConfig(
    CordaMethod cordaMethod,
    @Nullable String cacheFile,
    @Nullable String covarianceFile,
    boolean useFloat16ForCovariance,
    boolean pruneTemporaryFields,
    boolean verbose)
    implements CordaConfigWithers {

  private static final CordaConfig DEFAULTS =
      new CordaConfig(CordaMethod.IPM, null, null, false, true, false);

  /** PEFT's defaults. */
  public static CordaConfig defaults() {
    return DEFAULTS;
  }

  /** The value of {@code corda_config} in {@code adapter_config.json}. */
  public JsonElement toJson() {
    return InitializationJson.write(this);
  }

  /** Reads {@code corda_config} of {@code adapter_config.json}. Missing fields get defaults. */
  public static CordaConfig fromJson(JsonElement json) {
    CordaConfig read = InitializationJson.read(json, DEFAULTS, CordaConfig.class);
    if (read.cordaMethod == null) {
      throw new IllegalArgumentException("\"ipm\" or \"kpm\" for corda_method");
    }
    return read;
  }
}
