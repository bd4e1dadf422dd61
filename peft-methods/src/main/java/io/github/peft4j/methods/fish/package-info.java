/** FISH mask: the entries with the largest Fisher information are trained (arXiv:2111.09839). */
@NullMarked
package io.github.peft4j.methods.fish;

import org.jspecify.annotations.NullMarked;
