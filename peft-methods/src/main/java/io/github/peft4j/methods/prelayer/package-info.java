/** PreLayer: trained states at virtual tokens, before every layer (arXiv:2106.09685). */
@NullMarked
package io.github.peft4j.methods.prelayer;

import org.jspecify.annotations.NullMarked;
