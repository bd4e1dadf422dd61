/** Models that come out of jars. */
@NullMarked
package io.github.peft4j.pretrained;

import org.jspecify.annotations.NullMarked;
