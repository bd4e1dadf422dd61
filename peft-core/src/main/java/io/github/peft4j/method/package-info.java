/** The interface of parameter-efficient methods: {@link io.github.peft4j.method.PeftMethod}. */
@NullMarked
package io.github.peft4j.method;

import org.jspecify.annotations.NullMarked;
