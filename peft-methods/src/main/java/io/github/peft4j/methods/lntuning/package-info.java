/** LN tuning: only the scales and shifts of norms are trained (arXiv:2312.11420). */
@NullMarked
package io.github.peft4j.methods.lntuning;

import org.jspecify.annotations.NullMarked;
