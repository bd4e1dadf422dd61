/**
 * AdapterHub's files: what the configs of its library mean, and what it calls modules and tensors.
 */
@NullMarked
package io.github.peft4j.methods.adapterhub;

import org.jspecify.annotations.NullMarked;
