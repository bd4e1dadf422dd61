/**
 * CPT: trained vectors of in-context examples before the input (Blau et al. 2024,
 * arXiv:2410.17222).
 */
@NullMarked
package io.github.peft4j.methods.cpt;

import org.jspecify.annotations.NullMarked;
