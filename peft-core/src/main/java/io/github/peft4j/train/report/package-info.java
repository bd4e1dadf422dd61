/** Events, progress bar, logs and charts of a training. */
@NullMarked
package io.github.peft4j.train.report;

import org.jspecify.annotations.NullMarked;
