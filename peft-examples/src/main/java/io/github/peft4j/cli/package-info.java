/**
 * The command line: {@code finetune}, {@code evaluate}, {@code generate}, {@code chat}, {@code
 * merge}.
 */
@NullMarked
package io.github.peft4j.cli;

import org.jspecify.annotations.NullMarked;
