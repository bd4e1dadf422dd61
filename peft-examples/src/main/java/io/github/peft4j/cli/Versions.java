package io.github.peft4j.cli;

import io.github.peft4j.adapter.Provenance;
import picocli.CommandLine.IVersionProvider;

/** What {@code --version} shows. */
final class Versions implements IVersionProvider {

  @Override
  public String[] getVersion() {
    return Provenance.runningVersions().entrySet().stream()
        .map(version -> version.getKey() + " " + version.getValue())
        .toArray(String[]::new);
  }
}
