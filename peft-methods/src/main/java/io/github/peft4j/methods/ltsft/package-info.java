/** LT-SFT: full tuning finds a mask, under which it is repeated (arXiv:2110.07560). */
@NullMarked
package io.github.peft4j.methods.ltsft;

import org.jspecify.annotations.NullMarked;
