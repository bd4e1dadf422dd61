package io.github.peft4j.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFilesTest {
  @TempDir Path folder;

  @Test
  void writesIntoFoldersThatAreNotThereYet() {
    Path file = folder.resolve("a/b/config.json");
    AtomicFiles.writeText(file, "{\"größe\": 1}");
    assertThat(file).hasContent("{\"größe\": 1}");
    assertThat(file.getParent()).isDirectoryNotContaining("glob:**.tmp");
  }

  @Test
  void replacesWhatWasThere() {
    Path file = folder.resolve("weights");
    AtomicFiles.writeBytes(file, new byte[100]);
    AtomicFiles.writeStream(file, out -> out.write(7));
    assertThat(file).hasBinaryContent(new byte[] {7});
    AtomicFiles.writeChannel(file, out -> out.write(ByteBuffer.wrap(new byte[] {8, 9})));
    assertThat(file).hasBinaryContent(new byte[] {8, 9});
  }

  @Test
  void keepsTheOldContentWhenTheDiskIsFull() {
    Path file = folder.resolve("weights");
    AtomicFiles.writeText(file, "old");
    assertThatThrownBy(
            () ->
                AtomicFiles.writeStream(
                    file,
                    out -> {
                      out.write("half of the ne".getBytes(StandardCharsets.UTF_8));
                      out.flush();
                      throw new IOException("No space left on device");
                    }))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContainingAll(file.toString(), "No space left on device", "unchanged");
    assertOnlyOld(file);
  }

  @Test
  void keepsTheOldContentWhenTheWriterFails() {
    Path file = folder.resolve("weights");
    AtomicFiles.writeText(file, "old");
    IllegalStateException bug = new IllegalStateException("bug");
    assertThatThrownBy(
            () ->
                AtomicFiles.writeChannel(
                    file,
                    out -> {
                      throw bug;
                    }))
        .isSameAs(bug);
    assertOnlyOld(file);
  }

  @Test
  void saysWhichFileWhenTheTargetIsAFolder() throws IOException {
    Path target = folder.resolve("model");
    Files.createDirectories(target.resolve("x"));
    assertThatThrownBy(() -> AtomicFiles.writeText(target, "new"))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining(target.toString());
    assertThat(folder).isDirectoryNotContaining("glob:**.tmp");
  }

  @Test
  void replacesALinkAndLeavesWhatItPointsTo() throws IOException {
    Path blob = Files.writeString(folder.resolve("blob"), "shared");
    Path link = Files.createSymbolicLink(folder.resolve("link"), blob);
    AtomicFiles.writeText(link, "mine");
    assertThat(blob).hasContent("shared");
    assertThat(link).hasContent("mine");
  }

  private void assertOnlyOld(Path file) {
    assertThat(file).hasContent("old");
    assertThat(folder.toFile().list()).containsExactly("weights");
  }
}
