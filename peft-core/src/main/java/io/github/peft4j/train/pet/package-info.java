/**
 * PET and iPET: classification as filling gaps, with few labelled and many unlabelled texts (Schick
 * and Schütze 2021, arXiv:2001.07676 and arXiv:2009.07118).
 */
@NullMarked
package io.github.peft4j.train.pet;

import org.jspecify.annotations.NullMarked;
