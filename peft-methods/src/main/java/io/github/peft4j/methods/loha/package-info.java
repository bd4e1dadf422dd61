/** LoHa: Hadamard products of low-rank matrices (arXiv:2108.06098, LyCORIS). */
@NullMarked
package io.github.peft4j.methods.loha;

import org.jspecify.annotations.NullMarked;
