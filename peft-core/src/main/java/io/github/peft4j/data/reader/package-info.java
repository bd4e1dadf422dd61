/** Readers of data files: tables, and what their columns mean. */
@NullMarked
package io.github.peft4j.data.reader;

import org.jspecify.annotations.NullMarked;
