package io.github.peft4j.examples;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A program's command line. The usage line declares the options: {@code --data FILE} takes a value,
 * {@code [--full]} is a switch, and an option without brackets is required.
 */
final class Arguments {

  private static final Pattern OPTION = Pattern.compile("(\\[?)--([a-z0-9-]+)( [^\\s\\[\\]]+)?");

  private final String usage;
  private final Map<String, String> values = new LinkedHashMap<>();
  private final Map<String, Boolean> takesValue = new LinkedHashMap<>();

  private Arguments(String usage) {
    this.usage = usage;
  }

  /**
   * Reads a command line.
   *
   * @param usage such as {@code --data FILE [--epochs N] [--full]}
   * @throws IllegalArgumentException showing the usage if an option is unknown, has no value, is
   *     given twice or is missing
   */
  static Arguments parse(String usage, String... args) {
    Arguments arguments = new Arguments(usage);
    Map<String, Boolean> required = new LinkedHashMap<>();
    Matcher option = OPTION.matcher(usage);
    while (option.find()) {
      arguments.takesValue.put(option.group(2), option.group(3) != null);
      required.put(option.group(2), option.group(1).isEmpty());
    }
    arguments.read(args);
    required.forEach(
        (name, must) -> {
          if (must && !arguments.has(name)) {
            throw arguments.error("--" + name + " is missing");
          }
        });
    return arguments;
  }

  private void read(String... args) {
    for (int i = 0; i < args.length; i++) {
      String name = args[i].startsWith("--") ? args[i].substring(2) : "";
      Boolean takes = takesValue.get(name);
      if (takes == null) {
        throw error("unknown argument '" + args[i] + "'");
      }
      if (takes && (i + 1 == args.length || isOption(takesValue.keySet(), args[i + 1]))) {
        throw error(args[i] + " needs a value");
      }
      if (values.put(name, takes ? args[++i] : "") != null) {
        throw error("--" + name + " is given twice");
      }
    }
  }

  private static boolean isOption(Set<String> names, String argument) {
    return argument.startsWith("--") && names.contains(argument.substring(2));
  }

  /** The command line without some options. */
  List<String> without(String... names) {
    List<String> rest = new ArrayList<>();
    values.forEach(
        (name, value) -> {
          if (!List.of(names).contains(name)) {
            rest.add("--" + name);
            if (Boolean.TRUE.equals(takesValue.get(name))) {
              rest.add(value);
            }
          }
        });
    return rest;
  }

  /** Whether an option was given. */
  boolean has(String name) {
    return values.containsKey(name);
  }

  /** The value of a required option. */
  String text(String name) {
    String value = values.get(name);
    if (value == null) {
      throw error("--" + name + " is missing");
    }
    return value;
  }

  /** The value of an option, or a default. */
  String text(String name, String otherwise) {
    return values.getOrDefault(name, otherwise);
  }

  /** The comma-separated values of an option, or of a default. */
  List<String> list(String name, String otherwise) {
    return List.of(text(name, otherwise).split(",", -1));
  }

  /** The value of an option as a whole number, or a default. */
  int integer(String name, int otherwise) {
    return has(name) ? number(name, "a whole number", Integer::valueOf) : otherwise;
  }

  /** The value of an option as a whole number above 0, or a default. */
  int count(String name, int otherwise) {
    int value = integer(name, otherwise);
    if (value < 1) {
      throw error("--" + name + " is '" + value + "', expected a whole number above 0");
    }
    return value;
  }

  /** The value of an option as a number, or a default. */
  double number(String name, double otherwise) {
    return has(name) ? number(name, "a number", Double::valueOf) : otherwise;
  }

  private <N> N number(String name, String expected, Function<String, N> parse) {
    try {
      return parse.apply(text(name));
    } catch (NumberFormatException e) {
      throw error("--" + name + " is '" + text(name) + "', expected " + expected);
    }
  }

  /** The error for an argument that cannot be used. */
  IllegalArgumentException error(String problem) {
    return new IllegalArgumentException(problem + "; usage: " + usage);
  }
}
