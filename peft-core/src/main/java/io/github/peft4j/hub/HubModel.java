package io.github.peft4j.hub;

import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A model or an adapter on the Hugging Face hub:
 *
 * <pre>{@code
 * Peft.from(HubModel.of("org/name").revision("v1.1")).load()
 * }</pre>
 *
 * <p>A repository of GGUF files holds one model in several types. One of them is named, by its file
 * or by its type:
 *
 * <pre>{@code
 * Peft.from(HubModel.of("org/name-GGUF").file("Q4_K_M")).load()
 * }</pre>
 *
 * <p>Only the needed files are downloaded, into the cache that Python's libraries share. Files that
 * are there already, from Python or from an earlier call, are not downloaded again. Each file is
 * checked against the hash that the hub lists. A download that was broken off goes on where it
 * ended.
 *
 * @param id {@code org/name}, or {@code name} for some old models
 * @param revision a branch, a tag or a commit; {@code main} by default
 * @param file the GGUF file that is meant, or its type such as {@code Q4_K_M}; null for the
 *     repository's only one, or for files of Hugging Face's formats
 * @param settings where the hub and the cache are; null for {@link HubSettings#fromEnvironment}
 * @param listener is told of the download; null for a progress bar on a terminal, and lines in the
 *     log elsewhere
 * @param threads number of files that are downloaded at a time; 4 by default
 */
public record HubModel(
    String id,
    String revision,
    @Nullable String file,
    @Nullable HubSettings settings,
    @Nullable DownloadListener listener,
    int threads) {

  private static final String MAIN = "main";

  /**
   * Checks the names.
   *
   * @throws IllegalArgumentException if an id or a revision cannot be one, or threads is not
   *     positive
   */
  public HubModel {
    RepositoryId.problem(id)
        .ifPresent(
            why -> {
              throw new IllegalArgumentException("'" + id + "' names no repository: " + why);
            });
    FileNames.problem(revision)
        .ifPresent(
            why -> {
              throw new IllegalArgumentException(
                  FileNames.shown(revision)
                      + " is no revision: "
                      + why
                      + "; expected a branch, a tag or a commit");
            });
    if (threads < 1) {
      throw new IllegalArgumentException("threads is " + threads + "; expected 1 or more");
    }
  }

  /**
   * The repository of this name, at the head of its branch {@code main}.
   *
   * @throws IllegalArgumentException if no repository can have this name
   */
  public static HubModel of(String id) {
    return new HubModel(id, MAIN, null, null, null, 4);
  }

  /** Why no repository can have a name, or empty if one can. */
  public static Optional<String> problem(String id) {
    return RepositoryId.problem(id);
  }

  /** Whether this process's cache of the hub has files of a repository. The hub is not asked. */
  public static boolean isInCache(String id) {
    return new HubCache(Environment.ofProcess().hubCache(), id, false).exists();
  }

  /** A copy with another revision: a branch, a tag or a commit. */
  public HubModel revision(String revision) {
    return new HubModel(id, revision, file, settings, listener, threads);
  }

  /**
   * A copy that means one of the repository's GGUF files.
   *
   * @param file its name, with slashes between its parts, or that of one of a model's parts; or a
   *     type with which one name ends, such as {@code Q4_K_M}
   */
  public HubModel file(String file) {
    return new HubModel(id, revision, file, settings, listener, threads);
  }

  /** A copy with another endpoint, cache or token. */
  public HubModel settings(HubSettings settings) {
    return new HubModel(id, revision, file, settings, listener, threads);
  }

  /** A copy that tells a listener of its downloads. */
  public HubModel listener(DownloadListener listener) {
    return new HubModel(id, revision, file, settings, listener, threads);
  }

  /** A copy that downloads this many files at a time. */
  public HubModel threads(int threads) {
    return new HubModel(id, revision, file, settings, listener, threads);
  }

  /**
   * Downloads what is missing of a model.
   *
   * @return the folder in the cache, which holds config.json, weights and tokenizer; or a GGUF
   *     file, if the repository has its weights in such files, or one is named. Of a model in
   *     several parts it is the first
   * @throws HubException if the model cannot be downloaded; the message says why and what to do
   */
  public Path download() {
    return download(NeededFiles.MODEL, Retry.USUAL);
  }

  /**
   * Downloads what is missing of an adapter.
   *
   * @return the folder in the cache, which holds adapter_config.json and its tensors; or a GGUF
   *     file, as of {@link #download}
   * @throws HubException if the adapter cannot be downloaded; the message says why and what to do
   */
  public Path downloadAdapter() {
    return download(NeededFiles.ADAPTER, Retry.USUAL);
  }

  Path download(NeededFiles needed, Retry retry) {
    HubSettings where = settings == null ? HubSettings.fromEnvironment() : settings;
    return new SnapshotDownload(this, needed, where, retry).run();
  }

  DownloadListener listenerOrDefault() {
    return listener == null ? new DownloadProgress() : listener;
  }

  /** The id and, after a colon, the file if one is named: a name that {@code Peft.load} takes. */
  public String name() {
    return file == null ? id : id + ":" + file;
  }

  /** The id, and the revision if it is not the usual one. */
  @Override
  public String toString() {
    return revision.equals(MAIN) ? id : id + " (revision " + revision + ")";
  }
}
