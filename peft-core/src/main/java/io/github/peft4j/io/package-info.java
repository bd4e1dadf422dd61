/**
 * General file access: tensors by name, hashes, and groups of files that are written together or
 * not at all.
 */
@NullMarked
package io.github.peft4j.io;

import org.jspecify.annotations.NullMarked;
