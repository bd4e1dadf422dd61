/** How several adapters compute together: {@link io.github.peft4j.composition.Composition}. */
@NullMarked
package io.github.peft4j.composition;

import org.jspecify.annotations.NullMarked;
