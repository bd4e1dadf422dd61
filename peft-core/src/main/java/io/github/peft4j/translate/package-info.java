/** Text classification, and translators for DJL's predictors. */
@NullMarked
package io.github.peft4j.translate;

import org.jspecify.annotations.NullMarked;
