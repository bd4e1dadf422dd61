/** The classes with which a method selects sites and puts its layers into them. */
@NullMarked
package io.github.peft4j.tuner.injection;

import org.jspecify.annotations.NullMarked;
