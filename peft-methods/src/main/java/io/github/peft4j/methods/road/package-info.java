/** RoAd: pairs of outputs are rotated and scaled (arXiv:2409.00119). */
@NullMarked
package io.github.peft4j.methods.road;

import org.jspecify.annotations.NullMarked;
