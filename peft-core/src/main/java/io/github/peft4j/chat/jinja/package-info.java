/** The part of Jinja that chat templates use: a lexer, a parser and an interpreter. */
@Internal
@NullMarked
package io.github.peft4j.chat.jinja;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
