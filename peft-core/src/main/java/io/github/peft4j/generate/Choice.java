package io.github.peft4j.generate;

import org.jspecify.annotations.Nullable;

/**
 * How a batch of texts goes on.
 *
 * @param rows by new row, the row whose text it continues, or null if rows stay as they are
 * @param tokens by new row, the next token
 * @param open by new row, whether the text continues after it
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Choice(int @Nullable [] rows, long[] tokens, boolean[] open) {}
