/** What the methods that rewrite linear maps one by one have in common. */
@NullMarked
package io.github.peft4j.methods.common.linear;

import org.jspecify.annotations.NullMarked;
