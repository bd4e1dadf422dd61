/** KronA: Kronecker products beside weights or feed-forward networks (arXiv:2212.10650). */
@NullMarked
package io.github.peft4j.methods.krona;

import org.jspecify.annotations.NullMarked;
