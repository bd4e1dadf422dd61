/** ReFT: trained interventions in the hidden states of some positions, after whole layers. */
@NullMarked
package io.github.peft4j.methods.reft;

import org.jspecify.annotations.NullMarked;
