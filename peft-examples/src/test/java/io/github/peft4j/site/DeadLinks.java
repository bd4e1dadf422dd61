package io.github.peft4j.site;

import java.io.IOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Looks for links of HTML files that lead to no file or to no anchor. The network is not asked. */
final class DeadLinks {

  private static final Pattern LINK = Pattern.compile("(?:href|src)=\"([^\"]*)\"");

  private DeadLinks() {}

  /** The dead links of all pages of a site but those of the Javadoc, each with its page. */
  static List<String> in(Path site) throws IOException {
    List<String> dead = new ArrayList<>();
    try (Stream<Path> files = Files.walk(site)) {
      for (Path file : files.filter(file -> isPage(site, file)).sorted().toList()) {
        Matcher link = LINK.matcher(Files.readString(file));
        while (link.find()) {
          if (!link.group(1).matches("[a-z]+:.*") && !leads(file, link.group(1))) {
            dead.add(site.relativize(file) + ": " + link.group(1));
          }
        }
      }
    }
    return dead;
  }

  private static boolean isPage(Path site, Path file) {
    return file.toString().endsWith(".html") && !file.startsWith(site.resolve("apidocs"));
  }

  private static boolean leads(Path from, String link) throws IOException {
    String[] parts = URLDecoder.decode(link, StandardCharsets.UTF_8).split("#", 2);
    Path to = parts[0].isEmpty() ? from : from.resolveSibling(parts[0]).normalize();
    return Files.isRegularFile(to)
        && (parts.length == 1 || Files.readString(to).contains("id=\"" + parts[1] + "\""));
  }
}
