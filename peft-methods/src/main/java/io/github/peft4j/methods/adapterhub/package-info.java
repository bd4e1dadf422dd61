/** AdapterHub's files: how its configs, modules and tensor names correspond to peft4j's. */
@NullMarked
package io.github.peft4j.methods.adapterhub;

import org.jspecify.annotations.NullMarked;
