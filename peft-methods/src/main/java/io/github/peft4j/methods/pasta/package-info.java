/** PASTA: trained vectors at the special tokens of every layer. */
@NullMarked
package io.github.peft4j.methods.pasta;

import org.jspecify.annotations.NullMarked;
