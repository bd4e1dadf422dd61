/**
 * Files in general: tensors by name, hashes, groups of files that are written together or not at
 * all.
 */
@Internal
@NullMarked
package io.github.peft4j.io;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
