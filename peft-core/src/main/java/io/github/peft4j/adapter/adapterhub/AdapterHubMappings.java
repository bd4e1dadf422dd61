package io.github.peft4j.adapter.adapterhub;

import com.google.gson.JsonObject;
import io.github.peft4j.adapter.AdapterPart;
import io.github.peft4j.config.UnsupportedMethodException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeSet;

/** The mappings on the class path. */
final class AdapterHubMappings {

  private static final List<AdapterHubMapping<?>> ALL = load();

  private AdapterHubMappings() {}

  private static List<AdapterHubMapping<?>> load() {
    List<AdapterHubMapping<?>> mappings = new ArrayList<>();
    ServiceLoader.load(AdapterHubMapping.class, AdapterHubMapping.class.getClassLoader())
        .forEach(mappings::add);
    return mappings;
  }

  /**
   * The mapping of an adapter that AdapterHub's library wrote.
   *
   * @param architecture the value in its config, which may be empty
   */
  static AdapterHubMapping<?> of(String architecture, JsonObject config) {
    return ALL.stream()
        .filter(mapping -> mapping.architecture().equals(architecture) && mapping.means(config))
        .findFirst()
        .orElseThrow(
            () ->
                new UnsupportedMethodException(
                    "AdapterHub's architecture '"
                        + architecture
                        + "' is not supported; supported: "
                        + architectures()
                        + (ALL.isEmpty() ? " (is peft-methods on the class path?)" : "")));
  }

  private static Set<String> architectures() {
    Set<String> architectures = new TreeSet<>();
    ALL.forEach(mapping -> architectures.add(mapping.architecture()));
    return architectures;
  }

  /**
   * The mapping by which a part of an adapter is written.
   *
   * @throws UnsupportedMethodException if AdapterHub's library does not have its method, or not
   *     with its settings
   */
  static AdapterHubMapping<?> toWrite(AdapterPart part) {
    Optional<AdapterHubMapping<?>> found =
        ALL.stream().filter(m -> m.configType() == part.config().getClass()).findFirst();
    return found.orElseThrow(
        () ->
            new UnsupportedMethodException(
                "AdapterHub's files of "
                    + part.type()
                    + " are not supported; save the adapter as Hugging Face PEFT does, by"
                    + " save(folder)"));
  }
}
