/** BitFit: only biases are trained (Ben Zaken et al. 2021, arXiv:2106.10199). */
@NullMarked
package io.github.peft4j.methods.bitfit;

import org.jspecify.annotations.NullMarked;
