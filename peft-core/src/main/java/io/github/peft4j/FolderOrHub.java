package io.github.peft4j;

import io.github.peft4j.hub.HubException;
import io.github.peft4j.hub.HubModel;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a text names that may be a folder or a repository of the hub.
 *
 * @param name as the user gave it: {@code base_model_name_or_path} in adapter files
 * @param folder that holds the files; for a repository, in the hub's cache
 */
record FolderOrHub(String name, Path folder) {

  private static final Logger LOG = LoggerFactory.getLogger(FolderOrHub.class);

  static FolderOrHub model(String name) {
    return of(name, HubModel::download);
  }

  static FolderOrHub adapter(String name) {
    return of(name, HubModel::downloadAdapter);
  }

  private static FolderOrHub of(String name, Function<HubModel, Path> download) {
    Optional<String> noRepository = HubModel.problem(name);
    Optional<Path> existing = existing(name);
    if (existing.isPresent()) {
      if (noRepository.isEmpty()) {
        LOG.info(
            "{} is a folder here, {}, and is taken; for a repository of that name on the Hugging"
                + " Face hub pass HubModel.of(\"{}\")",
            name,
            existing.get().toAbsolutePath(),
            name);
      }
      return new FolderOrHub(name, existing.get());
    }
    String noFolder = "'" + name + "' is not a folder: it does not exist" + seenFrom(name);
    if (noRepository.isPresent()) {
      throw new IllegalArgumentException(
          noFolder
              + ". Nor can a repository on the Hugging Face hub have this name: "
              + noRepository.get());
    }
    try {
      return new FolderOrHub(name, download.apply(HubModel.of(name)));
    } catch (HubException e) {
      throw new HubException(
          noFolder
              + ". It is not on the Hugging Face hub either, or cannot be had: "
              + e.getMessage(),
          e);
    }
  }

  /** Where a relative name was looked for. */
  private static String seenFrom(String name) {
    return new File(name).isAbsolute() ? "" : " in " + Path.of("").toAbsolutePath();
  }

  private static Optional<Path> existing(String name) {
    try {
      return Optional.of(Path.of(name)).filter(Files::exists);
    } catch (InvalidPathException e) {
      return Optional.empty();
    }
  }
}
