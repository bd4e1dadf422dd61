package io.github.peft4j.hub;

import org.jspecify.annotations.Nullable;

/**
 * A file of a commit.
 *
 * @param name with slashes between its parts
 * @param size in bytes; -1 if the server does not say
 * @param blobId the SHA-1 of its Git blob, 40 hexadecimal digits, which is that of a pointer for a
 *     file in Git LFS; null if the server does not say
 * @param sha256 of the content of a file in Git LFS, 64 hexadecimal digits; else null
 */
record RemoteFile(String name, long size, @Nullable String blobId, @Nullable String sha256) {

  /** Whether size and hash are known. */
  boolean isKnown() {
    return size >= 0 && (sha256 != null || blobId != null);
  }

  /** The hash of the content, which names its blob in the cache. */
  ContentHash hash() {
    String hash = sha256 != null ? sha256 : blobId;
    if (hash == null) {
      throw new IllegalStateException("the hash of " + name + " is not known");
    }
    return new ContentHash(hash, size);
  }
}
