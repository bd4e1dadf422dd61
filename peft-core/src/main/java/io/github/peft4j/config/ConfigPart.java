package io.github.peft4j.config;

/**
 * Fields of a config that belong together, or that several configs have: a record whose components
 * stand in the JSON among those of the config that holds it, under their own names.
 */
public interface ConfigPart {}
