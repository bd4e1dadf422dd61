/** Methods of papers that are several methods in one adapter, each a {@code CompositeConfig}. */
@NullMarked
package io.github.peft4j.methods.hybrid;

import org.jspecify.annotations.NullMarked;
