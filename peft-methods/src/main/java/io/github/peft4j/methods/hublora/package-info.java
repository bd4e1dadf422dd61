/** What AdapterHub's library says of LoRA and (IA)³, which are one kind of adapter there. */
@NullMarked
package io.github.peft4j.methods.hublora;

import org.jspecify.annotations.NullMarked;
