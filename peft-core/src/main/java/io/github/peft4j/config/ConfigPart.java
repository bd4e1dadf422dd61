package io.github.peft4j.config;

/**
 * A record of fields that belong together or that several configs share. In JSON its components are
 * fields of the config that holds it, at the same level.
 */
public interface ConfigPart {}
