package io.github.peft4j.site;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SiteGeneratorTest {

  @TempDir Path folder;

  private Path root;
  private Path site;

  @BeforeEach
  void folders() throws IOException {
    root = folder.resolve("root");
    site = folder.resolve("site");
    write("site/apidocs/index.html", "Javadoc");
  }

  /** All links of README.md, CONTRIBUTING.md and docs/, anchors too, lead somewhere. */
  @Test
  void theDocumentationHasNoDeadLink() throws IOException {
    SiteGenerator.write(Path.of("..").toRealPath(), site);

    assertThat(DeadLinks.in(site)).isEmpty();
    assertThat(site.resolve("docs/methods/lora.html")).exists();
  }

  @Test
  void linksBetweenPagesLeadToHtml() throws IOException {
    write(
        "root/README.md", "# Home\n\n[a](docs/a.md#part-one) [code](src/A.java) [x](https://x.y)");
    write(
        "root/docs/a.md", "# A & B\n\n## Part one\n\n[home](../README.md)\n\n|a|b|\n|-|-|\n|1|2|");
    write("root/src/A.java", "");

    SiteGenerator.write(root, site);

    assertThat(Files.readString(site.resolve("index.html")))
        .contains("href=\"docs/a.html#part-one\"")
        .contains("href=\"https://github.com/peft4j/peft4j/blob/main/src/A.java\"")
        .contains("href=\"https://x.y\"");
    assertThat(Files.readString(site.resolve("docs/a.html")))
        .contains("<title>A &amp; B – peft4j</title>")
        .contains("href=\"../index.html\"")
        .contains("<td>1</td>");
    assertThat(DeadLinks.in(site)).isEmpty();
  }

  @Test
  void deadLinksAreFound() throws IOException {
    write("root/README.md", "# Home\n\n[a](docs/b.md) [b](docs/a.md#none) [c](#none) [d](#home)");
    write("root/docs/a.md", "# A");

    SiteGenerator.write(root, site);

    assertThat(DeadLinks.in(site))
        .containsExactly(
            "index.html: docs/b.md", "index.html: docs/a.html#none", "index.html: #none");
  }

  private void write(String file, String text) throws IOException {
    Path path = folder.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text);
  }
}
