/** MiSS: one small matrix, shared by all shards of the input (arXiv:2409.15371). */
@NullMarked
package io.github.peft4j.methods.miss;

import org.jspecify.annotations.NullMarked;
