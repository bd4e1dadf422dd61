/** LoRA whose update is multiplied by a trained gate, as in UniPELT. */
@NullMarked
package io.github.peft4j.methods.gatedlora;

import org.jspecify.annotations.NullMarked;
