/** The computations of a model that adapters can rewrite. */
@NullMarked
package io.github.peft4j.tuner.site;

import org.jspecify.annotations.NullMarked;
