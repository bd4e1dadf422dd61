/** Examples to padded batches. */
@Internal
@NullMarked
package io.github.peft4j.data.batch;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
