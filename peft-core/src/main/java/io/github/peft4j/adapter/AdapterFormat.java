package io.github.peft4j.adapter;

import io.github.peft4j.io.FileGroup;
import io.github.peft4j.transformer.TransformerModel;
import java.nio.file.Path;

/** A file format of adapters. */
public interface AdapterFormat {

  /** Whether a folder is of this format, judged without reading all of it. */
  boolean isFormatOf(Path folder);

  /**
   * Reads an adapter from a folder.
   *
   * @param name of the new adapter
   * @param factory creates the adapter for a model
   * @throws IllegalArgumentException if the folder is damaged, or its adapter does not fit the
   *     model; the model does not change then
   */
  Adapter read(String name, Path folder, AdapterFactory factory);

  /**
   * Writes the files of an adapter. Either all of them are written or none.
   *
   * @param files of the folder
   */
  void write(FileGroup files, Adapter adapter, TransformerModel model, Provenance provenance);
}
