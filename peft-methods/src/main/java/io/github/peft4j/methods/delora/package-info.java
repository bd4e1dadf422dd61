/** DeLoRA: directions of LoRA's rank-1 parts, and one strength for all (arXiv:2503.18225). */
@NullMarked
package io.github.peft4j.methods.delora;

import org.jspecify.annotations.NullMarked;
