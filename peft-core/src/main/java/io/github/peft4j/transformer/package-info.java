/**
 * Transformers as DJL blocks with Hugging Face's module names, put together from a few parts by the
 * data of their family, and publishing the sites that adapters rewrite.
 */
@NullMarked
package io.github.peft4j.transformer;

import org.jspecify.annotations.NullMarked;
