/** The method of docs/write-your-own-method.md. */
@NullMarked
package io.github.peft4j.methods.rocoft;

import org.jspecify.annotations.NullMarked;
