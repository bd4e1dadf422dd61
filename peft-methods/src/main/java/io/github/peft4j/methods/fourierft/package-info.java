/** FourierFT: a few frequencies of the weight update are trained (arXiv:2405.03003). */
@NullMarked
package io.github.peft4j.methods.fourierft;

import org.jspecify.annotations.NullMarked;
