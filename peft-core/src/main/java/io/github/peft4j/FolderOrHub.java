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
import org.slf4j.event.Level;

/**
 * What a text names that may be a folder, a GGUF file or a repository of the hub.
 *
 * @param name as the user gave it: {@code base_model_name_or_path} in adapter files. A GGUF file of
 *     a repository follows it after a colon
 * @param folder that holds the files, or a GGUF file; for a repository, in the hub's cache
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
    Optional<HubModel> file = fileOfRepository(name);
    Optional<String> noRepository = HubModel.problem(name);
    Optional<Path> existing = existing(name);
    if (existing.isPresent()) {
      if (noRepository.isEmpty()) {
        LOG.atLevel(name.contains("/") && HubModel.isInCache(name) ? Level.INFO : Level.DEBUG)
            .log(
                "{} is a folder here, {}. The folder is loaded. To load the repository of this name from"
                    + " the Hugging Face hub, pass HubModel.of(\"{}\")",
                name,
                existing.get().toAbsolutePath(),
                name);
      }
      return new FolderOrHub(name, existing.get());
    }
    if (file.isEmpty() && name.endsWith(".gguf")) {
      throw new IllegalArgumentException("there is no file '%s'%s".formatted(name, seenFrom(name)));
    }
    if (file.isEmpty() && noRepository.isPresent()) {
      throw new IllegalArgumentException(
          "'"
              + name
              + "' is not a folder: it does not exist"
              + seenFrom(name)
              + ". No repository on the Hugging Face hub can have this name either: "
              + noRepository.get());
    }
    try {
      return new FolderOrHub(name, download.apply(file.orElseGet(() -> HubModel.of(name))));
    } catch (HubException e) {
      throw new HubException(
          e.getMessage() + ". No folder has the name '" + name + "' either" + seenFrom(name), e);
    }
  }

  /** What {@code org/name:file} means: a GGUF file of a repository, by its name or its type. */
  private static Optional<HubModel> fileOfRepository(String name) {
    int colon = name.indexOf(':');
    String id = colon < 0 ? "" : name.substring(0, colon);
    boolean names = id.contains("/") && colon < name.length() - 1 && HubModel.problem(id).isEmpty();
    return names ? Optional.of(HubModel.of(id).file(name.substring(colon + 1))) : Optional.empty();
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
