package io.github.peft4j.hub;

import java.util.Set;

/**
 * What is brought of a repository.
 *
 * @param names of the files
 * @param path what of the snapshot is handed out: a file's name, or nothing for the folder
 */
record Needed(Set<String> names, String path) {}
