package io.github.peft4j;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import io.github.peft4j.transformer.ModelCall;

/** A {@link TextModel} as a DJL block: each forward pass is a call of the model. */
abstract class ModelBlock extends AbstractBlock implements TextModel {

  @Override
  protected NDList forwardInternal(
      ParameterStore store, NDList inputs, boolean training, PairList<String, Object> params) {
    try (ModelCall call = newCall()) {
      return call.logits(inputs);
    }
  }

  @Override
  public Shape[] getOutputShapes(Shape[] inputShapes) {
    return base().getOutputShapes(inputShapes);
  }

  /** Loaded weights need no initialisation. */
  @Override
  public void initialize(NDManager manager, DataType dataType, Shape... inputShapes) {}

  @Override
  public boolean isInitialized() {
    return true;
  }
}
