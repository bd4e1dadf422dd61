/** Bottleneck adapters: Houlsby, Pfeiffer, parallel, Compacter, MAD-X (AdapterHub). */
@NullMarked
package io.github.peft4j.methods.bottleneck;

import org.jspecify.annotations.NullMarked;
