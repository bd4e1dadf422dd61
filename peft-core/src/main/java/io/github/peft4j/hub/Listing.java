package io.github.peft4j.hub;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The files of a commit by name.
 *
 * @param commit 40 hexadecimal digits
 */
record Listing(String commit, Map<String, RemoteFile> files) {

  private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");

  static boolean isCommit(String revision) {
    return COMMIT.matcher(revision).matches();
  }

  static Listing of(String commit, Collection<RemoteFile> files) {
    Map<String, RemoteFile> byName = new LinkedHashMap<>();
    files.forEach(file -> byName.put(file.name(), file));
    return new Listing(commit, byName);
  }

  /** Files of which nothing else is known. */
  static Listing ofNames(String commit, Collection<String> names) {
    return of(commit, names.stream().map(name -> new RemoteFile(name, -1, null, null)).toList());
  }

  Set<String> names() {
    return files.keySet();
  }
}
