/** RandLoRA: a change of full rank out of scaled random bases (arXiv:2502.00987). */
@NullMarked
package io.github.peft4j.methods.randlora;

import org.jspecify.annotations.NullMarked;
