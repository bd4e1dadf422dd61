package io.github.peft4j.hub;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * The hash that names a blob: SHA-256 of the content, or Git's SHA-1 of {@code "blob <size>\0"} and
 * the content.
 *
 * @param expected in lower-case hexadecimal
 * @param size of the content in bytes
 */
record ContentHash(String expected, long size) {

  private static final int SHA256_DIGITS = 64;

  boolean isSha256() {
    return expected.length() == SHA256_DIGITS;
  }

  String algorithm() {
    return isSha256() ? "SHA-256" : "SHA-1 as a Git blob";
  }

  /** A digest to which the content is to be given. */
  MessageDigest start() {
    try {
      MessageDigest digest = MessageDigest.getInstance(isSha256() ? "SHA-256" : "SHA-1");
      if (!isSha256()) {
        digest.update(("blob " + size + "\0").getBytes(StandardCharsets.US_ASCII));
      }
      return digest;
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JVM has SHA-1 and SHA-256", e);
    }
  }

  static String text(MessageDigest digest) {
    return HexFormat.of().formatHex(digest.digest());
  }
}
