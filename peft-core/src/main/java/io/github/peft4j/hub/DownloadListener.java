package io.github.peft4j.hub;

import java.nio.file.Path;

/**
 * Hears of a download. One thread at a time calls its methods, but not always the same one. An
 * exception in a method does not end the download. If the cache has all files already, no method is
 * called.
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
   * More bytes have arrived.
   *
   * @param bytes of {@code total} so far, with those of an earlier download that goes on. It falls
   *     if a file has to be started again
   */
  default void onProgress(long bytes, long total) {}

  /** Every file is in this folder of the cache now. */
  default void onEnd(Path folder) {}

  /** The download failed. The bytes that have arrived stay for the next one. */
  default void onFailure(RuntimeException failure) {}
}
