package io.github.peft4j.hub;

import java.nio.file.Path;

/**
 * Is told of a download. Its methods are called by one thread at a time, but not always by the
 * same; an exception of theirs does not end the download. None is called if the cache has all files
 * already.
 */
public interface DownloadListener {

  /**
   * The download starts.
   *
   * @param id of the repository
   * @param files that are missing
   * @param bytes of them all
   */
  default void onStart(String id, int files, long bytes) {}

  /**
   * More is there.
   *
   * @param bytes of {@code total} so far, with those of an earlier download that goes on. It falls
   *     if a file has to be started again
   */
  default void onProgress(long bytes, long total) {}

  /** All is there, in this folder of the cache. */
  default void onEnd(Path folder) {}

  /** The download failed; what has come stays for the next one. */
  default void onFailure(RuntimeException failure) {}
}
