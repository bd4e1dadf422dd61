/** The values of the fields of bottleneck adapters, by AdapterHub's names. */
@NullMarked
package io.github.peft4j.methods.bottleneck.fields;

import org.jspecify.annotations.NullMarked;
