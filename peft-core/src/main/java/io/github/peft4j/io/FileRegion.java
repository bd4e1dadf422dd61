package io.github.peft4j.io;

import java.nio.file.Path;

/**
 * A run of bytes in a file: where native code may map a tensor instead of having it copied.
 *
 * @param path the file
 * @param offset the first byte, counted from the start of the file
 * @param length the number of bytes
 */
public record FileRegion(Path path, long offset, long length) {}
