/** Models of peft4j under the interfaces of LangChain4j: classes to copy. */
@NullMarked
package io.github.peft4j.examples.langchain4j;

import org.jspecify.annotations.NullMarked;
