/** How a method chooses sites and puts its layers into them. */
@NullMarked
package io.github.peft4j.tuner.injection;

import org.jspecify.annotations.NullMarked;
