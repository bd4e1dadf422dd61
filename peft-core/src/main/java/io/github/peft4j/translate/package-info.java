/** What models say in words and numbers, and translators of it for DJL's predictors. */
@NullMarked
package io.github.peft4j.translate;

import org.jspecify.annotations.NullMarked;
