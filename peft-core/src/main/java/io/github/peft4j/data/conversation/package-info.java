/**
 * Conversations: messages with roles, as chat models are trained on them and chat templates see
 * them.
 */
@NullMarked
package io.github.peft4j.data.conversation;

import org.jspecify.annotations.NullMarked;
