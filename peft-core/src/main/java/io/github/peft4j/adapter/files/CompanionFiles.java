package io.github.peft4j.adapter.files;

import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.io.CompanionNames;
import io.github.peft4j.io.FileGroup;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The files next to a model's weights that a copy of the model needs as well: files of tokenizer
 * and processor, chat templates, generation_config.json, the modules of sentence-transformers, and
 * licences.
 *
 * @param folder the folder that the model was loaded from, or null
 * @param tokenizer the model's tokenizer, or null
 * @param modules writes the files of sentence-transformers; null to copy the folder's
 */
public record CompanionFiles(
    @Nullable Path folder, @Nullable Tokenizer tokenizer, @Nullable Consumer<FileGroup> modules) {

  /** Adds the files to the files of a copy. */
  void copyTo(FileGroup files) {
    if (folder != null) {
      copy(folder, CompanionNames::isOfModel, files);
    }
    if (modules != null) {
      modules.accept(files);
    } else if (folder != null) {
      copy(folder, CompanionNames::isOfEmbeddings, files);
    }
    if (tokenizer == null) {
      if (folder != null) {
        copy(folder, CompanionNames::isOfTokenizer, files);
      }
    } else if (tokenizer.folder().isPresent()) {
      copy(tokenizer.folder().get(), CompanionNames::isOfTokenizer, files);
      if (tokenizer.isChanged()) {
        tokenizer.writeTo(files);
      }
    } else {
      tokenizer.writeTo(files);
    }
  }

  private void copy(Path from, Predicate<String> names, FileGroup files) {
    for (String name : names(from)) {
      boolean old = tokenizer != null && tokenizer.replaces(name);
      if (names.test(name) && !old) {
        files.write(
            name,
            out -> {
              OutputStream stream = Channels.newOutputStream(out);
              Files.copy(from.resolve(name), stream);
            });
      }
    }
  }

  /** The files in a folder and in its subfolders, one level deep. */
  private static List<String> names(Path folder) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try {
      Path real = folder.toRealPath(); // the walk does not enter a link
      try (Stream<Path> files = Files.walk(real, 2)) {
        return files
            .filter(Files::isRegularFile)
            .map(file -> real.relativize(file).toString().replace('\\', '/'))
            .sorted()
            .toList();
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + folder, e);
    }
  }
}
