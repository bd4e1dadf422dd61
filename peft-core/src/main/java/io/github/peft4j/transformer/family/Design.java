package io.github.peft4j.transformer.family;

import java.util.List;

/**
 * What a model consists of, as its family describes it for a config and a task.
 *
 * @param stacks one, or an encoder's and a decoder's
 * @param head the task's head
 */
public record Design(List<StackSpec> stacks, HeadSpec head) {}
