/** Poly: a mixture of LoRAs for each task (Ponti et al. 2022, arXiv:2202.13914). */
@NullMarked
package io.github.peft4j.methods.poly;

import org.jspecify.annotations.NullMarked;
