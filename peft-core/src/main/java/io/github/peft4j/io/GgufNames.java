package io.github.peft4j.io;

import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToLongFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Names of GGUF files: which files are one model, and which of several is meant. A model is one
 * file, or several parts that llama.cpp's gguf-split calls {@code name-00001-of-00003.gguf}.
 */
public final class GgufNames {

  /** What such names end with. */
  public static final String ENDING = ".gguf";

  private static final Pattern PART = Pattern.compile("(.*)-(\\d{5})-of-(\\d{5})\\.gguf");

  /** More parts than any model has. */
  private static final int MOST_PARTS = 9999;

  /** Parts for images and statistics, which lie beside models. */
  private static final Pattern OTHER =
      Pattern.compile("(.*/)?([^/]*mmproj[^/]*|[^/]*imatrix[^/]*)", Pattern.CASE_INSENSITIVE);

  private GgufNames() {}

  /**
   * The names of all files of a model, in their order.
   *
   * @param name of one of them
   * @return the name alone, if it is that of no part
   */
  public static List<String> parts(String name) {
    Matcher part = PART.matcher(name);
    if (!part.matches()) {
      return List.of(name);
    }
    int count = Integer.parseInt(part.group(3));
    int number = Integer.parseInt(part.group(2));
    if (number < 1 || number > count || count > MOST_PARTS) {
      return List.of(name);
    }
    return IntStream.rangeClosed(1, count)
        .mapToObj(i -> "%s-%05d-of-%05d.gguf".formatted(part.group(1), i, count))
        .toList();
  }

  /**
   * The models among files.
   *
   * @return the names of each model's files, by the name of its first one; a part that is not there
   *     is named all the same
   */
  public static Map<String, List<String>> models(Collection<String> names) {
    Map<String, List<String>> models = new TreeMap<>();
    for (String name : names) {
      if (name.endsWith(ENDING) && !OTHER.matcher(name).matches()) {
        List<String> parts = parts(name);
        models.put(parts.get(0), parts);
      }
    }
    return models;
  }

  /**
   * Whether a model is meant.
   *
   * @param model the name of its first file
   * @param wanted the name of one of its files, or a type such as {@code Q4_K_M}, with which the
   *     name ends
   */
  public static boolean isMeant(String model, String wanted) {
    if (parts(model).contains(wanted)) {
      return true;
    }
    Matcher part = PART.matcher(model);
    String body =
        part.matches() ? part.group(1) : model.substring(0, model.length() - ENDING.length());
    return Pattern.compile("(.*[-._/])?" + Pattern.quote(wanted), Pattern.CASE_INSENSITIVE)
        .matcher(body)
        .matches();
  }

  /**
   * Models for people, with their sizes.
   *
   * @param size of a file in bytes; below 0 if it is not known
   */
  public static String list(Map<String, List<String>> models, ToLongFunction<String> size) {
    return models.entrySet().stream()
        .map(model -> model.getKey() + total(model.getValue(), size))
        .collect(Collectors.joining(", "));
  }

  private static String total(List<String> parts, ToLongFunction<String> size) {
    boolean known = parts.stream().mapToLong(size).allMatch(bytes -> bytes >= 0);
    return known ? " (" + size(parts.stream().mapToLong(size).sum()) + ")" : "";
  }

  private static String size(long bytes) {
    return bytes >= 1_000_000_000
        ? String.format(Locale.ROOT, "%.1f GB", bytes / 1e9)
        : String.format(Locale.ROOT, "%.1f MB", bytes / 1e6);
  }
}
