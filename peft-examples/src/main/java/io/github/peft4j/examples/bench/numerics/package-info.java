/** Whether fast computations equal those that they replace. */
@NullMarked
package io.github.peft4j.examples.bench.numerics;

import org.jspecify.annotations.NullMarked;
