/** The layers of adapters: {@link io.github.peft4j.tuner.TunerLayer} and its parts. */
@NullMarked
package io.github.peft4j.tuner;

import org.jspecify.annotations.NullMarked;
