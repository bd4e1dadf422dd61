/** Instance-wise prompt tuning: prompts that are made from the text (arXiv:2206.01958). */
@NullMarked
package io.github.peft4j.methods.ipt;

import org.jspecify.annotations.NullMarked;
