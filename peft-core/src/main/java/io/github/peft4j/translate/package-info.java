/**
 * Text in, answers out: {@link io.github.peft4j.translate.TextClassifier} for direct use, and
 * translators for DJL's own {@code Predictor}.
 *
 * <pre>{@code
 * try (Model djl = Model.newInstance("reviews", "PyTorch")) {
 *   djl.setBlock(model);                                                  // a PeftModel
 *   try (var predictor =
 *       djl.newPredictor(new TextClassificationTranslator(model, model.tokenizer()))) {
 *     Classifications verdict = predictor.predict("a fine film");
 *   }
 * }
 * }</pre>
 */
@NullMarked
package io.github.peft4j.translate;

import org.jspecify.annotations.NullMarked;
