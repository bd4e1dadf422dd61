/**
 * Named tensors in files, whatever their format, and files that are written whole or not at all.
 */
@NullMarked
package io.github.peft4j.io;

import org.jspecify.annotations.NullMarked;
