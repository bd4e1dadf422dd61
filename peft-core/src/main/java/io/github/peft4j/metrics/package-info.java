/**
 * Metrics of classes, several labels, numbers and tokens: plain Java values in, named numbers out.
 */
@NullMarked
package io.github.peft4j.metrics;

import org.jspecify.annotations.NullMarked;
