/** Objectives for pairs of answers, of which one is better: DPO and ORPO. */
@NullMarked
package io.github.peft4j.train.preference;

import org.jspecify.annotations.NullMarked;
