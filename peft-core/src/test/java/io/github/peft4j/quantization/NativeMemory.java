package io.github.peft4j.quantization;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.Structure;

/** The bytes that this process has allocated outside of Java's heap, as glibc counts them. */
public final class NativeMemory {

  /** glibc, from 2.33 on. */
  public interface Glibc extends Library {
    Counts mallinfo2();
  }

  /** {@code struct mallinfo2}: numbers of the type size_t. */
  @Structure.FieldOrder({
    "arena",
    "ordblks",
    "smblks",
    "hblks",
    "hblkhd",
    "usmblks",
    "fsmblks",
    "uordblks",
    "fordblks",
    "keepcost"
  })
  public static final class Counts extends Structure implements Structure.ByValue {
    public long arena;
    public long ordblks;
    public long smblks;
    public long hblks;
    public long hblkhd;
    public long usmblks;
    public long fsmblks;
    public long uordblks;
    public long fordblks;
    public long keepcost;
  }

  private NativeMemory() {}

  /** Skips the test where nobody counts. */
  public static long used() {
    Counts counts = null;
    try {
      counts = Native.load("c", Glibc.class).mallinfo2();
    } catch (UnsatisfiedLinkError e) {
      assumeTrue(
          false, "SKIPPED: needs glibc 2.33 or newer, which counts memory: " + e.getMessage());
    }
    return counts == null ? 0 : counts.uordblks + counts.hblkhd;
  }
}
