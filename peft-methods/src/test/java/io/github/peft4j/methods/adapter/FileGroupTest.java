package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.io.FileGroup;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileGroupTest {
  @TempDir Path folder;

  private static void write(FileGroup files, String text) {
    files.writeText("one", text);
    files.writeText("two", text + text);
    files.remove("three");
    files.commit();
  }

  @Test
  void allFilesTakeTheirPlacesTogether() throws IOException {
    Files.writeString(folder.resolve("one"), "old");
    Files.writeString(folder.resolve("three"), "old");
    try (FileGroup files = new FileGroup(folder)) {
      files.writeText("one", "new");
      assertThat(folder.resolve("one")).hasContent("old");
      files.writeText("two", "new");
      files.remove("three");
      assertThat(folder.resolve("three")).exists();
      files.commit();
    }
    assertThat(folder.resolve("one")).hasContent("new");
    assertThat(folder.toFile().list()).containsExactlyInAnyOrder("one", "two");
  }

  @Test
  void whatIsNotCommittedWasNeverThere() {
    try (FileGroup files = new FileGroup(folder)) {
      files.writeText("one", "new");
    }
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void aFullDiskLeavesEveryFormerFile() throws IOException {
    Files.writeString(folder.resolve("three"), "old");
    try (FileGroup files = new FileGroup(folder)) {
      files.writeText("one", "old");
      files.writeText("two", "old");
      files.commit();
    }
    for (int free = 0; free < 9; free++) {
      try (FileGroup files = FullDisk.with(free, folder)) {
        assertThatThrownBy(() -> write(files, "new"))
            .isInstanceOf(UncheckedIOException.class)
            .hasMessageContainingAll(
                folder.resolve(free < 3 ? "one" : "two").toString(), "No space left", "unchanged");
      }
      assertThat(folder.toFile().list()).containsExactlyInAnyOrder("one", "two", "three");
      for (String name : new String[] {"one", "two", "three"}) {
        assertThat(folder.resolve(name)).hasContent("old");
      }
    }
    try (FileGroup files = FullDisk.with(9, folder)) {
      write(files, "new");
    }
    assertThat(folder.resolve("two")).hasContent("newnew");
    assertThat(folder.toFile().list()).containsExactlyInAnyOrder("one", "two");
  }

  /** A folder that has a file's name is in the way of the last of three files. */
  @Test
  void whatFailsAtTheEndIsUndone() throws IOException {
    Files.writeString(folder.resolve("one"), "old");
    Files.createDirectories(folder.resolve("three"));
    try (FileGroup files = new FileGroup(folder)) {
      files.writeText("one", "new");
      files.writeText("below/two", "new");
      files.writeText("three", "new");
      files.remove("four");
      assertThatThrownBy(files::commit)
          .isInstanceOf(UncheckedIOException.class)
          .hasMessageContainingAll(
              folder.resolve("three").toString(), "it is a folder", "unchanged");
    }
    assertThat(folder.resolve("one")).hasContent("old");
    assertThat(folder.toFile().list()).containsExactlyInAnyOrder("one", "three");
  }

  @Test
  void aLinkIsReplacedAndAFailureBringsItBack() throws IOException {
    Path shared = Files.writeString(folder.resolve("shared"), "old");
    Files.createSymbolicLink(folder.resolve("one"), shared);
    Path taken = Files.createDirectories(folder.resolve("two"));
    for (boolean fails : new boolean[] {true, false}) {
      try (FileGroup files = new FileGroup(folder)) {
        files.writeText("one", "new");
        files.writeText("two", "new");
        if (fails) {
          assertThatThrownBy(files::commit).isInstanceOf(UncheckedIOException.class);
          Files.delete(taken);
        } else {
          files.commit();
        }
      }
      assertThat(folder.resolve("one")).hasContent(fails ? "old" : "new");
      assertThat(Files.isSymbolicLink(folder.resolve("one"))).isEqualTo(fails);
      assertThat(shared).hasContent("old");
    }
    assertThat(folder.toFile().list()).containsExactlyInAnyOrder("one", "two", "shared");
  }

  @Test
  void foldersThatWereMadeForNothingGo() {
    try (FileGroup files = new FileGroup(folder.resolve("a/b"))) {
      files.writeText("1_Pooling/config.json", "new");
    }
    assertThat(folder).isEmptyDirectory();
  }
}
