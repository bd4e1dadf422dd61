/** (IA)³: learned rescaling of keys, values and activations (Liu et al. 2022, arXiv:2205.05638). */
@NullMarked
package io.github.peft4j.methods.ia3;

import org.jspecify.annotations.NullMarked;
