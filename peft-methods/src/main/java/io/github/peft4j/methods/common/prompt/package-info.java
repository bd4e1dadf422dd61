/** What the methods of virtual tokens have in common. */
@NullMarked
package io.github.peft4j.methods.common.prompt;

import org.jspecify.annotations.NullMarked;
