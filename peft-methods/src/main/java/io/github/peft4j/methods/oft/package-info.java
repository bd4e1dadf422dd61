/** OFT: blocks of the input are rotated before the frozen map (arXiv:2306.07280). */
@NullMarked
package io.github.peft4j.methods.oft;

import org.jspecify.annotations.NullMarked;
