/**
 * What the process sets before PyTorch's libraries are loaded: threads, and precision of products.
 */
@NullMarked
package io.github.peft4j.kernel.setting;

import org.jspecify.annotations.NullMarked;
