/** VB-LoRA: low-rank factors out of one bank of vectors (arXiv:2405.15179). */
@NullMarked
package io.github.peft4j.methods.vblora;

import org.jspecify.annotations.NullMarked;
