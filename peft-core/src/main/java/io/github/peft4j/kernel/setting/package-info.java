/**
 * What system properties say before PyTorch's libraries are loaded: threads, precision of products,
 * what fast is off.
 */
@NullMarked
package io.github.peft4j.kernel.setting;

import org.jspecify.annotations.NullMarked;
