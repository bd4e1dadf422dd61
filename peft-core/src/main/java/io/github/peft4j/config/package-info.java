/** Configs of methods and their JSON, as Hugging Face PEFT writes it. */
@NullMarked
package io.github.peft4j.config;

import org.jspecify.annotations.NullMarked;
