/** SpIEL: sparse changes whose entries are exchanged during training (arXiv:2401.16405). */
@NullMarked
package io.github.peft4j.methods.spiel;

import org.jspecify.annotations.NullMarked;
