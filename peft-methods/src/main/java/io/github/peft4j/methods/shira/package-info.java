/** SHiRA: some elements of the weights are trained (arXiv:2406.13175). */
@NullMarked
package io.github.peft4j.methods.shira;

import org.jspecify.annotations.NullMarked;
