/** The places of a model that adapters rewrite. */
@NullMarked
package io.github.peft4j.tuner.site;

import org.jspecify.annotations.NullMarked;
