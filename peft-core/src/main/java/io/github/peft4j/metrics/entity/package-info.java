/** Entities out of tags, and the metrics of seqeval. */
@NullMarked
package io.github.peft4j.metrics.entity;

import org.jspecify.annotations.NullMarked;
