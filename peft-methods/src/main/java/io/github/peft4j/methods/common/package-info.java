/** What methods have in common. */
@NullMarked
package io.github.peft4j.methods.common;

import org.jspecify.annotations.NullMarked;
