/** Chat templates: conversations to the text that a model was trained on. */
@NullMarked
package io.github.peft4j.chat;

import org.jspecify.annotations.NullMarked;
