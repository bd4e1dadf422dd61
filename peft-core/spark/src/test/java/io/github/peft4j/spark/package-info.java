/** Tests of scoring and training on Spark. */
@NullMarked
package io.github.peft4j.spark;

import org.jspecify.annotations.NullMarked;
