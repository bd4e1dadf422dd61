/** WaveFT: a few wavelet coefficients of the weight update are trained (arXiv:2505.12532). */
@NullMarked
package io.github.peft4j.methods.waveft;

import org.jspecify.annotations.NullMarked;
