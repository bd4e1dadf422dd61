/** What the methods that rewrite linear maps one by one have in common. */
@NullMarked
package io.github.peft4j.methods.linear;

import org.jspecify.annotations.NullMarked;
