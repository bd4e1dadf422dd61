/** The documentation as static HTML, and the check of its links. */
@NullMarked
package io.github.peft4j.site;

import org.jspecify.annotations.NullMarked;
