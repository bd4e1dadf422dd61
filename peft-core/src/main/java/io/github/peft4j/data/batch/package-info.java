/** Examples to padded batches. */
@NullMarked
package io.github.peft4j.data.batch;

import org.jspecify.annotations.NullMarked;
