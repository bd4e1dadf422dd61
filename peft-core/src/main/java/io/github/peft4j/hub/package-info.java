/** Repositories of the Hugging Face hub: their files, downloaded into Python's cache. */
@NullMarked
package io.github.peft4j.hub;

import org.jspecify.annotations.NullMarked;
