/** Models that come out of jars on Maven Central. */
@NullMarked
package io.github.peft4j.pretrained;

import org.jspecify.annotations.NullMarked;
