/** X-LoRA: LoRAs mixed for each token (Buehler and Buehler 2024, arXiv:2402.07148). */
@NullMarked
package io.github.peft4j.methods.xlora;

import org.jspecify.annotations.NullMarked;
