/** Data files as rows: formats, compression, and rows that stay on disk. */
@Internal
@NullMarked
package io.github.peft4j.data.format;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
