/** Charts of lines and labelled points, drawn as SVG or as PNG. */
@NullMarked
package io.github.peft4j.chart;

import org.jspecify.annotations.NullMarked;
