/** VeRA: random projections shared by all modules, scaled by vectors (arXiv:2310.11454). */
@NullMarked
package io.github.peft4j.methods.vera;

import org.jspecify.annotations.NullMarked;
