/** PyTorch's own files of tensors, read without running what Python would run. */
@NullMarked
package io.github.peft4j.torchfile;

import org.jspecify.annotations.NullMarked;
