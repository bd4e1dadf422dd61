package io.github.peft4j.hub;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.io.CompanionNames;
import io.github.peft4j.io.ForeignFiles;
import io.github.peft4j.io.GgufChoice;
import io.github.peft4j.io.JsonFile;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * Which files of a repository are needed. Repositories often hold the same weights in several
 * formats; one is taken.
 */
enum NeededFiles {
  /** config.json, weights, and what lies beside them. */
  MODEL("config.json", List.of("model.safetensors", "pytorch_model.bin")) {
    @Override
    boolean isBeside(String name) {
      int slash = name.indexOf('/');
      boolean near =
          slash < 0
              || name.startsWith("additional_chat_templates/")
              || MODULE.matcher(name).matches();
      return near && CompanionNames.isBesideWeights(name);
    }

    @Override
    String instead(Collection<String> names) {
      return ForeignFiles.insteadOfModel(names);
    }
  },

  /** adapter_config.json, tensors, and what peft4j or AdapterHub's library keep beside them. */
  ADAPTER(
      "adapter_config.json",
      List.of(
          "adapter_model.safetensors",
          "adapter_model.bin",
          "adapter.safetensors",
          "pytorch_adapter.bin")) {
    @Override
    boolean isBeside(String name) {
      return BESIDE_ADAPTERS.contains(name);
    }

    @Override
    String instead(Collection<String> names) {
      return ForeignFiles.insteadOfAdapter(names);
    }
  };

  /**
   * What is brought of a repository.
   *
   * @param names of the files
   * @param path what of the snapshot is handed out: a file's name, or nothing for the folder
   */
  record Needed(Set<String> names, String path) {}

  /** The small files of a module of sentence-transformers, and the tensors of a dense one. */
  private static final Pattern MODULE =
      Pattern.compile("\\d+_[A-Za-z]+/(.*\\.(json|txt)|model\\.safetensors)");

  private static final Set<String> BESIDE_ADAPTERS =
      Set.of(
          "config.json", // names the classes
          "peft4j.json",
          "peft4j_training.safetensors",
          "head_config.json",
          "model_head.safetensors",
          "pytorch_model_head.bin");

  private static final String INDEX = ".index.json";

  private final String config;
  private final List<String> weights;

  NeededFiles(String config, List<String> weights) {
    this.config = config;
    this.weights = weights;
  }

  abstract boolean isBeside(String name);

  /** What a repository has instead of what is looked for. */
  abstract String instead(Collection<String> names);

  /** The file of the weights: whole, or the index of its shards; empty if there is none. */
  private Optional<String> weights(Collection<String> names) {
    return weights.stream()
        .flatMap(file -> List.of(file, file + INDEX).stream())
        .filter(names::contains)
        .findFirst();
  }

  /** The index of the weights' shards, if the weights are in shards. */
  Optional<String> index(Collection<String> names) {
    return weights(names).filter(file -> file.endsWith(INDEX));
  }

  /**
   * The shards that an index names.
   *
   * @throws IllegalArgumentException if the file is no index
   */
  static Set<String> shards(Path index) {
    JsonElement map = JsonFile.read(index).get("weight_map");
    Set<String> shards = new TreeSet<>();
    for (JsonElement file :
        map instanceof JsonObject files ? files.asMap().values() : Set.<JsonElement>of()) {
      if (!file.isJsonPrimitive()) {
        throw new IllegalArgumentException(
            index + ": weight_map has a file that is no name: " + file);
      }
      shards.add(file.getAsString());
    }
    if (shards.isEmpty()) {
      throw new IllegalArgumentException(index + ": weight_map is missing or empty");
    }
    return shards;
  }

  /**
   * The files that are needed, of those that the repository has.
   *
   * @param model whose {@link HubModel#file} is taken, if it names one
   * @param what the repository in errors
   * @param shards that the index names; empty if there is no index
   * @throws HubException if a file that loading needs is missing, or several are possible
   */
  Needed of(HubModel model, String what, Listing listing, Set<String> shards) {
    Set<String> names = listing.names();
    GgufChoice gguf =
        new GgufChoice(
            what,
            names,
            name -> Objects.requireNonNull(listing.files().get(name)).size(),
            name ->
                "name one, as HubModel.of(\"%s\").file(\"%s\") or \"%s:%s\""
                    .formatted(model.id(), name, model.id(), name));
    if (model.file() != null || (weights(names).isEmpty() && gguf.isPossible())) {
      return ofGguf(gguf, model);
    }
    if (!names.contains(config)) {
      throw new HubException(what + " has no " + config + instead(names, config));
    }
    String file =
        weights(names)
            .orElseThrow(
                () ->
                    new HubException(
                        "%s has none of the files %s%s"
                            .formatted(what, String.join(", ", weights), instead(names, config))));
    Set<String> needed = new TreeSet<>(shards);
    needed.removeAll(new HashSet<>(names));
    if (!needed.isEmpty()) {
      throw new HubException(
          "%s lacks files that %s names: %s".formatted(what, file, String.join(", ", needed)));
    }
    needed.addAll(shards);
    needed.add(config);
    needed.add(file);
    names.stream().filter(this::isBeside).forEach(needed::add);
    return new Needed(needed, "");
  }

  /** A model in a GGUF file: all that is needed is in it, and in its other parts. */
  private static Needed ofGguf(GgufChoice choice, HubModel model) {
    try {
      List<String> parts = choice.parts(model.file());
      return new Needed(new TreeSet<>(parts), parts.get(0));
    } catch (IllegalArgumentException e) {
      throw new HubException(String.valueOf(e.getMessage()), e);
    }
  }

  private String instead(Collection<String> names, String config) {
    List<String> below =
        names.stream().filter(name -> name.endsWith("/" + config)).sorted().toList();
    Set<String> top = new TreeSet<>();
    names.forEach(
        name -> top.add(name.contains("/") ? name.substring(0, name.indexOf('/')) : name));
    String meaning = instead(top);
    return !meaning.isEmpty() || below.isEmpty()
        ? meaning
        : ", but "
            + String.join(", ", below)
            + ": fetch the repository with 'hf download', and pass the folder of that file";
  }
}
