/** Adapter folders of Hugging Face PEFT, and folders of plain models. */
@Internal
@NullMarked
package io.github.peft4j.adapter.files;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
