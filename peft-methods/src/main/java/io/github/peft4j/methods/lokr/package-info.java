/** LoKr: Kronecker products with low-rank factors (LyCORIS, arXiv:2309.14859). */
@NullMarked
package io.github.peft4j.methods.lokr;

import org.jspecify.annotations.NullMarked;
