/** Training: schedules, metrics, and listeners that show, log and draw how it goes. */
@NullMarked
package io.github.peft4j.train;

import org.jspecify.annotations.NullMarked;
