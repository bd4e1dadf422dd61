/** Translators for DJL's predictors, and classification of texts. */
@NullMarked
package io.github.peft4j.translate;

import org.jspecify.annotations.NullMarked;
