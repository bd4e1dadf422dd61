package io.github.peft4j.methods.lora;

import io.github.peft4j.config.TargetModules;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Target modules that mean maps of experts and routers. Since transformers 5 these are no modules
 * but tensors, so PEFT makes {@code target_parameters} of them. W_gate and W_up, which lie in one
 * tensor, get twice the rank and alpha there.
 */
final class ExpertTargets {

  private static final Logger LOG = LoggerFactory.getLogger(ExpertTargets.class);

  private final LoraConfig config;
  private final Sites sites;
  private final TargetModules targets;

  private ExpertTargets(LoraConfig config, Sites sites, TargetModules targets) {
    this.config = config;
    this.sites = sites;
    this.targets = targets;
  }

  /** The config with tensors instead of modules that are none. */
  static LoraConfig resolve(LoraConfig config, Sites sites) {
    TargetModules targets = config.targetModules();
    return targets == null ? config : new ExpertTargets(config, sites, targets).resolve();
  }

  private LoraConfig resolve() {
    // by the name in target_parameters, the names of the maps that target_modules means
    Map<String, Set<String>> meant = new LinkedHashMap<>();
    List<String> fused = new ArrayList<>();
    Set<String> maps = new TreeSet<>();
    for (ParameterSite tensor : sites.all(ParameterSite.class)) {
      Set<String> own = maps(tensor);
      Set<String> chosen = new LinkedHashSet<>(own);
      chosen.removeIf(map -> !means(map, tensor));
      if (!chosen.isEmpty()) {
        requireAll(own, chosen, tensor);
        String name = namesLayers() ? tensor.name() : shortName(tensor);
        if (meant.putIfAbsent(name, chosen) == null && own.size() > 1) {
          fused.add(name);
        }
        maps.addAll(chosen);
      }
    }
    return meant.isEmpty() ? config : with(meant.keySet(), fused, maps);
  }

  /**
   * Whether the targets choose layers, so that the tensors need their full names. PEFT makes last
   * parts of names of an expression, and so adapts all layers.
   */
  private boolean namesLayers() {
    return targets.suffixes() == null && !targets.isAllLinear();
  }

  /** The last parts of the names of the maps that a tensor holds, such as gate_proj and up_proj. */
  private static Set<String> maps(ParameterSite tensor) {
    Set<String> maps = new LinkedHashSet<>();
    for (ParameterSite.Part part : tensor.parts()) {
      String[] name = part.name().split("\\.", -1);
      maps.add(name[name.length - 2]); // the last is "weight"
    }
    return maps;
  }

  private boolean means(String map, ParameterSite tensor) {
    List<String> names = targets.suffixes();
    return names == null
        ? targets.matches(isRouter(tensor) ? tensor.module() : tensor.module() + "." + map)
        : names.stream().anyMatch(name -> name.equals(map) || name.endsWith("." + map));
  }

  private static boolean isRouter(ParameterSite tensor) {
    return tensor.name().endsWith(".weight");
  }

  private static String shortName(ParameterSite tensor) {
    String[] name = tensor.name().split("\\.", -1);
    String last = name[name.length - 1];
    return isRouter(tensor) ? name[name.length - 2] + "." + last : last;
  }

  private void requireAll(Set<String> own, Set<String> chosen, ParameterSite tensor) {
    if (chosen.size() < own.size()) {
      throw new IllegalArgumentException(
          "LoraConfig: field 'target_modules' is "
              + targets
              + "; expected all of "
              + own
              + " or none of them, since they are one tensor, "
              + tensor.name());
    }
  }

  private LoraConfig with(Set<String> meant, List<String> fused, Set<String> maps) {
    LOG.info(
        "target_modules {}: in this model, {} are tensors and no modules; they become"
            + " target_parameters {}. Modules of the same names in layers without experts get no"
            + " adapter",
        targets,
        maps,
        meant);
    Set<String> tensors = new TreeSet<>(meant);
    List<String> named = config.targetParameters();
    if (named != null) {
      tensors.addAll(named);
    }
    Map<String, Integer> ranks = new LinkedHashMap<>(config.rankPattern());
    Map<String, Double> alphas = new LinkedHashMap<>(config.alphaPattern());
    for (String tensor : fused) {
      String pattern = namesLayers() ? tensor.replace(".", "\\.") : ".*\\." + tensor;
      ranks.put(pattern, 2 * config.r());
      alphas.put(pattern, 2 * config.loraAlpha());
    }
    try {
      return config
          .targets(config.targets().targetModules(remaining(maps)))
          .rankPattern(ranks)
          .alphaPattern(alphas)
          .targetParameters(List.copyOf(tensors));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          e.getMessage()
              + "; target_modules "
              + targets
              + " means them in this model. To adapt attention only, name its maps, such as q_proj"
              + " and v_proj",
          e);
    }
  }

  /** The targets that are modules. */
  private TargetModules remaining(Set<String> maps) {
    List<String> names = targets.suffixes();
    if (names == null) {
      return targets.isAllLinear() ? outsideExperts(maps) : targets;
    }
    return TargetModules.of(names.stream().filter(name -> !maps.contains(last(name))).toList());
  }

  /** All linear modules by the last parts of their names, without those that experts have. */
  private TargetModules outsideExperts(Set<String> maps) {
    Set<String> names = new TreeSet<>();
    LoraTargets.modules(config).named(sites).list().forEach(site -> names.add(last(site.name())));
    names.removeAll(maps);
    return TargetModules.of(List.copyOf(names));
  }

  private static String last(String name) {
    return name.substring(name.lastIndexOf('.') + 1);
  }
}
