/** C³A: the weight's change is made of circulant blocks (arXiv:2407.19342). */
@NullMarked
package io.github.peft4j.methods.c3a;

import org.jspecify.annotations.NullMarked;
