/**
 * peft4j on Apache Spark: models score the rows of a data set, and adapters are trained by several
 * executors at once.
 *
 * <p>Spark is a provided dependency: the cluster brings it.
 */
@NullMarked
package io.github.peft4j.spark;

import org.jspecify.annotations.NullMarked;
