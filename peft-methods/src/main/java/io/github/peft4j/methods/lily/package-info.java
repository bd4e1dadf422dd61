/** Lily: layers share low-rank factors, which a router mixes (arXiv:2407.09946). */
@NullMarked
package io.github.peft4j.methods.lily;

import org.jspecify.annotations.NullMarked;
