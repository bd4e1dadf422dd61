/** Reading the inputs of modules before an adapter is made. */
@NullMarked
package io.github.peft4j.methods.lora.probe;

import org.jspecify.annotations.NullMarked;
