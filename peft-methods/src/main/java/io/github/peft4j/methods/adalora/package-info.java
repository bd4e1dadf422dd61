/** AdaLoRA: low-rank adaptation with ranks allocated by importance (arXiv:2303.10512). */
@NullMarked
package io.github.peft4j.methods.adalora;

import org.jspecify.annotations.NullMarked;
