/** New adapters made of others. */
@NullMarked
package io.github.peft4j.adapter.combine;

import org.jspecify.annotations.NullMarked;
