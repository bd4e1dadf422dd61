/** BOFT: rotations of the input in butterfly layers, and scaled outputs (arXiv:2311.06243). */
@NullMarked
package io.github.peft4j.methods.boft;

import org.jspecify.annotations.NullMarked;
