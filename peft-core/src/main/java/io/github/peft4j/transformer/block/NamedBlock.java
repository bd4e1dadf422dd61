package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Parameter;
import ai.djl.nn.ParameterList;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import io.github.peft4j.tuner.site.ActiveAdapters;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Site;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** A DJL block with its Hugging Face module name and its sites. */
public abstract class NamedBlock extends AbstractBlock {

  private final String name;
  private final List<NamedBlock> parts = new ArrayList<>();
  private final List<Site<?, ?>> sites = new ArrayList<>();

  /**
   * Creates a block.
   *
   * @param name the full module name, for example {@code model.layers.0.self_attn}
   */
  protected NamedBlock(String name) {
    this.name = name;
  }

  /** The full Hugging Face module name; empty at the root. */
  public final String name() {
    return name;
  }

  /** Adds a child block. */
  protected final <B extends NamedBlock> B part(B block) {
    parts.add(block);
    return addChildBlock(block.name(), block);
  }

  /** Adds a site. */
  protected final <S extends Site<?, ?>> S publish(S site) {
    sites.add(site);
    return site;
  }

  /** The sites of this block and of all its descendants, in the model's order. */
  public final Stream<Site<?, ?>> sites() {
    return Stream.concat(sites.stream(), parts.stream().flatMap(NamedBlock::sites));
  }

  /** Whether a layer of the active adapters within this block needs a gradient. */
  public final boolean trains(ActiveAdapters active) {
    return active.trains(sites());
  }

  /**
   * Whether inputs of the same shapes launch the same kernels on the same tensors each time. By
   * default yes, if the parts do so.
   */
  public boolean isRepeatable() {
    return parts.stream().allMatch(NamedBlock::isRepeatable);
  }

  /** The frozen tensors of this block without its children, under the last part of their names. */
  @Override
  public ParameterList getDirectParameters() {
    ParameterList list = new ParameterList();
    for (Site<?, ?> site : sites) {
      if (site instanceof ParameterSite parameter) {
        String key = parameter.name().substring(parameter.name().lastIndexOf('.') + 1);
        list.add(
            key,
            Parameter.builder()
                .setName(key)
                .setType(Parameter.Type.OTHER)
                .optRequiresGrad(false)
                .optArray(parameter.frozen())
                .build());
      }
    }
    return list;
  }

  @Override
  protected NDList forwardInternal(
      ParameterStore store, NDList inputs, boolean training, PairList<String, Object> params) {
    throw new UnsupportedOperationException(
        name + " is computed as a part of its model: call forward of the model");
  }

  @Override
  public Shape[] getOutputShapes(Shape[] inputShapes) {
    throw new UnsupportedOperationException(name + " has an output shape only within its model");
  }

  /** Loaded weights need no initialisation. */
  @Override
  public void initialize(NDManager manager, DataType dataType, Shape... inputShapes) {}

  @Override
  public boolean isInitialized() {
    return true;
  }
}
