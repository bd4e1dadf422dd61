package io.github.peft4j.methods.adapter;

import io.github.peft4j.io.FileGroup;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/** A disk with little space left: what is written beyond it fails as the operating system says. */
public final class FullDisk {

  private long free;

  private FullDisk(long free) {
    this.free = free;
  }

  /** A group of files on a disk with so many bytes left for all of them. */
  public static FileGroup with(long free, Path folder) {
    FullDisk disk = new FullDisk(free);
    return new FileGroup(folder, file -> disk.new Limited(FileGroup.Disk.REAL.open(file)));
  }

  private final class Limited implements FileGroup.Output {

    private final FileGroup.Output file;

    Limited(FileGroup.Output file) {
      this.file = file;
    }

    @Override
    public int write(ByteBuffer bytes) throws IOException {
      int wanted = bytes.remaining();
      int possible = (int) Math.min(wanted, free);
      free -= file.write(bytes.slice(bytes.position(), possible));
      if (possible < wanted) {
        throw new IOException("No space left on device");
      }
      bytes.position(bytes.limit());
      return wanted;
    }

    @Override
    public void force() throws IOException {
      file.force();
    }

    @Override
    public boolean isOpen() {
      return file.isOpen();
    }

    @Override
    public void close() throws IOException {
      file.close();
    }
  }
}
