package io.github.peft4j.adapter;

import io.github.peft4j.io.FileGroup;
import io.github.peft4j.transformer.TransformerModel;
import java.nio.file.Path;

/** A kind of folder that holds an adapter. */
public interface AdapterFormat {

  /** Whether a folder is of this format, so far as can be told without reading all of it. */
  boolean isFormatOf(Path folder);

  /**
   * Puts the adapter of a folder into a model.
   *
   * @param name of the new adapter
   * @param factory which puts it into the model
   * @throws IllegalArgumentException if the folder is damaged, or its adapter does not fit the
   *     model; the model is as it was then
   */
  Adapter read(String name, Path folder, AdapterFactory factory);

  /**
   * Writes the files of an adapter, all of them or none.
   *
   * @param files of the folder
   */
  void write(FileGroup files, Adapter adapter, TransformerModel model, Provenance provenance);
}
