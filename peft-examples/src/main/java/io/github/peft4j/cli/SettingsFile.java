package io.github.peft4j.cli;

import com.google.gson.Gson;
import io.github.peft4j.tuner.injection.NearNames;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Dump;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.common.FlowStyle;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/**
 * Settings in a file of YAML or JSON, which is YAML too. Its names are those of the options. What
 * the command line gives as well counts there; fields of maps, such as {@code set}, are joined.
 */
final class SettingsFile {

  private static final String NAME = "settings";
  private static final Gson JSON = new Gson();

  private SettingsFile() {}

  /**
   * A command line with the options of its settings file.
   *
   * @throws IllegalArgumentException if the file is not such settings; the message says what
   */
  static String[] expand(CommandLine line, String... args) {
    ParseResult given = line.parseArgs(args).subcommand();
    if (given == null || !given.hasMatchedOption("--" + NAME)) {
      return args;
    }
    Path file = given.matchedOptionValue("--" + NAME, Path.of(""));
    List<String> complete = new ArrayList<>();
    complete.add(args[0]);
    for (Map.Entry<String, @Nullable Object> setting : read(file).entrySet()) {
      OptionSpec option = option(file, setting.getKey(), given.commandSpec());
      if (setting.getValue() == null) {
        throw new IllegalArgumentException(
            "--settings: %s: '%s' has no value; give it one, or leave the line out"
                .formatted(file, setting.getKey()));
      }
      if (!given.hasMatchedOption(option) || option.typeInfo().isMap()) {
        complete.addAll(arguments(file, option, setting.getValue()));
      }
    }
    complete.addAll(Arrays.asList(args).subList(1, args.length));
    return complete.toArray(String[]::new);
  }

  private static Map<String, @Nullable Object> read(Path file) {
    Object content;
    try {
      content = value(Files.readString(file));
    } catch (NoSuchFileException e) {
      throw new IllegalArgumentException("--settings: there is no file " + file, e);
    } catch (IOException e) {
      throw new UncheckedIOException("--settings: " + file + " cannot be read", e);
    } catch (YamlEngineException e) {
      throw new IllegalArgumentException(
          "--settings: " + file + " is neither YAML nor JSON: " + e.getMessage(), e);
    }
    if (!(content instanceof Map<?, ?> map)) {
      throw new IllegalArgumentException(
          "--settings: " + file + " has no settings, expected lines such as 'epochs: 3'");
    }
    Map<String, @Nullable Object> settings = new LinkedHashMap<>();
    map.forEach((name, value) -> settings.put(String.valueOf(name), value));
    return settings;
  }

  private static OptionSpec option(Path file, String name, CommandSpec command) {
    OptionSpec option = command.findOption("--" + name);
    if (option == null || option.usageHelp() || name.equals(NAME)) {
      List<String> known =
          command.options().stream()
              .filter(each -> !each.usageHelp())
              .map(each -> each.longestName().substring(2))
              .filter(each -> !each.equals(NAME))
              .toList();
      throw new IllegalArgumentException(
          "%s: there is no setting '%s'; the nearest is '%s'. %s --help lists them"
              .formatted(
                  file, name, NearNames.nearest(name, known, 1).get(0), command.qualifiedName()));
    }
    return option;
  }

  private static List<String> arguments(Path file, OptionSpec option, Object value) {
    String name = option.longestName();
    if (option.arity().max() == 0) {
      if (!(value instanceof Boolean on)) {
        throw wrong(file, name, value, "true or false");
      }
      return on ? List.of(name) : List.of();
    }
    List<String> arguments = new ArrayList<>();
    if (option.typeInfo().isMap()) {
      if (value instanceof String alone && hasKeysAlone(option)) {
        return List.of(name + "=" + alone);
      }
      if (!(value instanceof Map<?, ?> map)) {
        throw wrong(file, name, value, "names with values");
      }
      map.forEach(
          (key, each) ->
              arguments.add(
                  name
                      + "="
                      + key
                      + "="
                      + (each instanceof String text && !isYaml(option)
                          ? text
                          : JSON.toJson(each))));
    } else if (value instanceof Map<?, ?> map && option.paramLabel().startsWith("[NAME=]")) {
      map.forEach(
          (key, each) ->
              (each instanceof List<?> several ? several : Arrays.asList(each))
                  .forEach(one -> arguments.add(name + "=" + key + "=" + one)));
    } else if (value instanceof List<?> list && option.isMultiValue()) {
      list.forEach(each -> arguments.add(name + "=" + each));
    } else if (value instanceof List<?> || value instanceof Map<?, ?>) {
      throw wrong(file, name, value, "one value");
    } else {
      arguments.add(name + "=" + value);
    }
    return arguments;
  }

  /** Whether the option may be a name without a value, such as {@code balanced}. */
  private static boolean hasKeysAlone(OptionSpec option) {
    return option.mapFallbackValue() == null;
  }

  /** Whether the values of a map are YAML themselves. */
  private static boolean isYaml(OptionSpec option) {
    return option.longestName().equals(MethodOptions.SET);
  }

  private static IllegalArgumentException wrong(
      Path file, String option, Object value, String expected) {
    return new IllegalArgumentException(
        "%s: setting '%s' is %s, expected %s"
            .formatted(file, option.substring(2), JSON.toJson(value), expected));
  }

  /**
   * The value of a text of YAML: a text, a number, true, false, null, a list or a map. No other
   * class is made, whatever the text says.
   *
   * @throws YamlEngineException if it is none
   */
  static @Nullable Object value(String yaml) {
    return new Load(LoadSettings.builder().build()).loadFromString(yaml);
  }

  /** Settings as the text of such a file. */
  static String text(Map<String, @Nullable Object> settings) {
    return new Dump(DumpSettings.builder().setDefaultFlowStyle(FlowStyle.BLOCK).build())
        .dumpToString(settings);
  }

  /** The options of a command that have values, by their names in a file. */
  static Map<String, @Nullable Object> given(CommandSpec command) {
    Map<String, @Nullable Object> settings = new LinkedHashMap<>();
    for (OptionSpec option : command.options()) {
      Object value = option.getValue();
      String name = option.longestName().substring(2);
      if (value == null || Boolean.FALSE.equals(value) || name.equals(NAME)) {
        continue;
      }
      settings.put(name, value instanceof Map<?, ?> map ? map(option, map) : plain(value));
    }
    return settings;
  }

  private static Object map(OptionSpec option, Map<?, ?> map) {
    Map<String, @Nullable Object> values = new LinkedHashMap<>();
    for (Map.Entry<?, ?> entry : map.entrySet()) {
      Object value =
          entry.getValue() instanceof Optional<?> maybe ? maybe.orElse(null) : entry.getValue();
      if (value == null && hasKeysAlone(option)) {
        return String.valueOf(entry.getKey());
      }
      values.put(
          String.valueOf(entry.getKey()),
          plain(isYaml(option) ? MethodOptions.value(value + "") : value));
    }
    return values;
  }

  private static @Nullable Object plain(@Nullable Object value) {
    if (value instanceof Map<?, ?> map) {
      Map<String, @Nullable Object> values = new LinkedHashMap<>();
      map.forEach((key, each) -> values.put(String.valueOf(key), plain(each)));
      return values;
    }
    if (value instanceof List<?> list) {
      return list.stream().map(SettingsFile::plain).toList();
    }
    if (value instanceof Enum<?> choice) {
      return Cli.name(choice);
    }
    return value == null || value instanceof Number || value instanceof Boolean
        ? value
        : value.toString();
  }
}
