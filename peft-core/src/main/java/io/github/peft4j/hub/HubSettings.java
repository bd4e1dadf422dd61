package io.github.peft4j.hub;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Where the hub and its cache are. The defaults are those of Python's huggingface_hub, and so are
 * the variables that change them.
 *
 * @param endpoint the address of the hub or of a mirror, without a slash at its end
 * @param cache the folder that has a folder for each repository
 * @param token of an account; null for none. It is sent to the endpoint's host alone
 * @param offline whether the cache alone is used
 * @param timeout of connecting, and the longest time without a byte
 * @param symlinks whether snapshots link to blobs; otherwise, and where the system has no links,
 *     they hold the files themselves
 */
public record HubSettings(
    URI endpoint,
    Path cache,
    @Nullable String token,
    boolean offline,
    Duration timeout,
    boolean symlinks) {

  /** Checks endpoint and token. */
  public HubSettings {
    Endpoints.require(endpoint);
    if (token != null && !token.matches("[!-~]+")) {
      throw new IllegalArgumentException(
          "the token of the Hugging Face hub has characters that no token has (it is not shown"
              + " here): copy it again from https://huggingface.co/settings/tokens");
    }
  }

  /**
   * The settings of this process. Each variable may be an environment variable or a system
   * property, which has precedence.
   *
   * <table>
   * <caption>Variables</caption>
   * <tr><td>{@code HF_ENDPOINT}</td><td>the hub's address</td></tr>
   * <tr><td>{@code HF_HUB_CACHE}</td><td>the cache; by default {@code hub} in HF_HOME</td></tr>
   * <tr><td>{@code HF_HOME}</td><td>by default {@code ~/.cache/huggingface}</td></tr>
   * <tr><td>{@code HF_TOKEN}</td><td>the token</td></tr>
   * <tr><td>{@code HF_TOKEN_PATH}</td><td>the file of the token that {@code hf auth login} writes;
   * by default {@code token} in HF_HOME</td></tr>
   * <tr><td>{@code HF_HUB_OFFLINE}, {@code TRANSFORMERS_OFFLINE}</td><td>1 to use the cache
   * alone</td></tr>
   * <tr><td>{@code HF_HUB_DOWNLOAD_TIMEOUT}</td><td>in seconds; by default 10</td></tr>
   * <tr><td>{@code HF_HUB_DISABLE_SYMLINKS}, {@code HF_HUB_DISABLE_IMPLICIT_TOKEN}</td><td>1 to do
   * without</td></tr>
   * </table>
   *
   * @throws IllegalArgumentException if a variable has a wrong value; the message names it
   */
  public static HubSettings fromEnvironment() {
    return of(Environment.ofProcess());
  }

  static HubSettings of(Environment environment) {
    return new HubSettings(
        Endpoints.parse(environment.text("HF_ENDPOINT").orElse(Endpoints.HUB)),
        environment.hubCache(),
        environment.flag("HF_HUB_DISABLE_IMPLICIT_TOKEN") ? null : token(environment),
        isOffline(environment),
        environment.seconds("HF_HUB_DOWNLOAD_TIMEOUT", 10),
        !environment.flag("HF_HUB_DISABLE_SYMLINKS"));
  }

  /** Whether a variable says that the cache alone is used. */
  static boolean isOffline(Environment environment) {
    return environment.flag("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE");
  }

  private static @Nullable String token(Environment environment) {
    String token =
        environment
            .text("HF_TOKEN")
            .or(() -> environment.text("HUGGING_FACE_HUB_TOKEN"))
            .orElseGet(() -> read(environment.tokenFile()))
            .strip();
    return token.isEmpty() ? null : token;
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (NoSuchFileException e) {
      return "";
    } catch (IOException e) {
      throw new UncheckedIOException(
          "cannot read the token of the Hugging Face hub in "
              + file
              + ": make the file readable, or set HF_HUB_DISABLE_IMPLICIT_TOKEN=1 to do without",
          e);
    }
  }

  /** A copy with another token, or null for none. */
  public HubSettings token(@Nullable String token) {
    return new HubSettings(endpoint, cache, token, offline, timeout, symlinks);
  }

  /** A copy with another cache. */
  public HubSettings cache(Path cache) {
    return new HubSettings(endpoint, cache, token, offline, timeout, symlinks);
  }

  /** A copy that uses the cache alone, or not. */
  public HubSettings offline(boolean offline) {
    return new HubSettings(endpoint, cache, token, offline, timeout, symlinks);
  }

  /** Everything except the token. */
  @Override
  public String toString() {
    return "HubSettings[endpoint=%s, cache=%s, token=%s, offline=%s, timeout=%s, symlinks=%s]"
        .formatted(endpoint, cache, token == null ? "none" : "set", offline, timeout, symlinks);
  }
}
