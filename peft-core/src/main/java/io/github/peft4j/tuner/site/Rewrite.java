package io.github.peft4j.tuner.site;

import io.github.peft4j.tuner.TunerLayer;

/** A site and an adapter's layer there. */
public record Rewrite(Site<?, ?> site, TunerLayer<?, ?> layer) {}
