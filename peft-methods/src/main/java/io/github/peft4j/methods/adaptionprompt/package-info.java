/**
 * LLaMA-Adapter: gated attention to trained prompts in the top layers (Zhang et al. 2023,
 * arXiv:2303.16199).
 */
@NullMarked
package io.github.peft4j.methods.adaptionprompt;

import org.jspecify.annotations.NullMarked;
