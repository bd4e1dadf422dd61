package io.github.peft4j.train.report;

import java.nio.file.Path;

/**
 * A checkpoint has been written.
 *
 * @param step the number of steps done
 * @param folder the folder of the checkpoint, which is complete
 */
public record CheckpointEvent(long step, Path folder) {}
