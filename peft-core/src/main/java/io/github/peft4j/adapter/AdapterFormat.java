package io.github.peft4j.adapter;

import java.nio.file.Path;

/** A format that adapters are read from. */
public interface AdapterFormat {

  /** Whether a folder, or a file, is of this format, judged without reading all of it. */
  boolean isFormatOf(Path folder);

  /**
   * Reads an adapter from a folder, or a file.
   *
   * @param name of the new adapter
   * @param factory creates the adapter for a model
   * @throws IllegalArgumentException if the folder is damaged, or its adapter does not fit the
   *     model; the model does not change then
   */
  Adapter read(String name, Path folder, AdapterFactory factory);
}
