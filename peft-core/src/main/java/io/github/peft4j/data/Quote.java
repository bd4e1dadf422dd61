package io.github.peft4j.data;

import java.util.Collection;
import java.util.stream.Collectors;

/** Formats values for messages: on one line, and shortened. */
public final class Quote {

  private static final int LENGTH = 80;
  private static final int ITEMS = 20;

  private Quote() {}

  public static String shorten(String value) {
    String line = value.replaceAll("\\s+", " ").strip();
    return line.length() <= LENGTH ? line : line.substring(0, LENGTH - 1) + "…";
  }

  /** The fields of an example, each in quotation marks. */
  public static String fields(Example example) {
    return shorten(
        example.fields().stream().map("'%s'"::formatted).collect(Collectors.joining(", ")));
  }

  public static String list(Collection<String> names) {
    String shown =
        names.stream().limit(ITEMS).map(Quote::shorten).collect(Collectors.joining(", "));
    int more = names.size() - ITEMS;
    return more <= 0 ? shown : shown + " and " + more + " more";
  }
}
