/** HRA: the input is reflected at learned planes before the frozen map (arXiv:2405.17484). */
@NullMarked
package io.github.peft4j.methods.hra;

import org.jspecify.annotations.NullMarked;
