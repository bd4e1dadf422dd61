/** The parameter-efficient methods, one package each. */
@NullMarked
package io.github.peft4j.methods;

import org.jspecify.annotations.NullMarked;
