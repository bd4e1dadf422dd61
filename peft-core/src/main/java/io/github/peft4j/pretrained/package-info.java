/** Models in jars on Maven Central. */
@NullMarked
package io.github.peft4j.pretrained;

import org.jspecify.annotations.NullMarked;
