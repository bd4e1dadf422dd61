/** Adapter folders of AdapterHub's library. */
@Internal
@NullMarked
package io.github.peft4j.adapter.adapterhub;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
