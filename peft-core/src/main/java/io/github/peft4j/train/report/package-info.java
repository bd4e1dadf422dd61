/** What a run tells: events, progress, logs, charts. */
@NullMarked
package io.github.peft4j.train.report;

import org.jspecify.annotations.NullMarked;
