/** SoRA: LoRA with a gate for each rank, which training sets to zero (arXiv:2311.11696). */
@NullMarked
package io.github.peft4j.methods.sora;

import org.jspecify.annotations.NullMarked;
