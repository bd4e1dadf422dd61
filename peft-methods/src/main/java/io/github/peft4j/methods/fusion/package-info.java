/**
 * AdapterFusion: a trained mixture of bottleneck adapters (Pfeiffer et al. 2021, arXiv:2005.00247).
 */
@NullMarked
package io.github.peft4j.methods.fusion;

import org.jspecify.annotations.NullMarked;
