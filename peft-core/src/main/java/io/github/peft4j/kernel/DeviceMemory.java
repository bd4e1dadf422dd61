package io.github.peft4j.kernel;

import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What PyTorch says about a device's memory when it cannot have more. All sizes are in bytes; one
 * is empty if the message lacks it.
 *
 * @param device such as {@code GPU 0}, or {@code the CPU}
 * @param asked the size of the array that could not be made
 * @param held what PyTorch's arrays take
 * @param reserved what PyTorch keeps for its next arrays
 * @param free what no process has
 * @param total what the device has
 */
public record DeviceMemory(
    String device,
    OptionalLong asked,
    OptionalLong held,
    OptionalLong reserved,
    OptionalLong free,
    OptionalLong total) {

  private static final String SIZE = "([\\d.]+) (bytes|[KMGT]iB)";
  private static final Pattern FULL =
      Pattern.compile(
          "CUDA out of memory|CUDA error: out of memory|CUBLAS_STATUS_ALLOC_FAILED"
              + "|CUDNN_STATUS_ALLOC_FAILED|HIP out of memory|MPS backend out of memory"
              + "|DefaultCPUAllocator: (can't allocate memory|not enough memory)");
  private static final Pattern ASKED = Pattern.compile("[Tt]ried to allocate " + SIZE);
  private static final Pattern CAPACITY =
      Pattern.compile(
          "(GPU \\d+) has a total capacity of " + SIZE + " of which " + SIZE + " is free");
  private static final Pattern HELD = Pattern.compile(SIZE + " is allocated by PyTorch");
  private static final Pattern RESERVED =
      Pattern.compile(SIZE + " is reserved by PyTorch but unallocated");

  /**
   * Reads the message of an error.
   *
   * @return nothing if the error is not about memory
   */
  public static Optional<DeviceMemory> of(String message) {
    Matcher full = FULL.matcher(message);
    if (!full.find()) {
      return Optional.empty();
    }
    Matcher capacity = CAPACITY.matcher(message);
    boolean known = capacity.find();
    String other = full.group().startsWith("DefaultCPU") ? "the CPU" : "the GPU";
    return Optional.of(
        new DeviceMemory(
            known ? capacity.group(1) : other,
            size(ASKED, message),
            size(HELD, message),
            size(RESERVED, message),
            known ? OptionalLong.of(bytes(capacity, 4)) : OptionalLong.empty(),
            known ? OptionalLong.of(bytes(capacity, 2)) : OptionalLong.empty()));
  }

  private static OptionalLong size(Pattern pattern, String message) {
    Matcher found = pattern.matcher(message);
    return found.find() ? OptionalLong.of(bytes(found, 1)) : OptionalLong.empty();
  }

  private static long bytes(Matcher found, int group) {
    int power =
        switch (found.group(group + 1)) {
          case "KiB" -> 10;
          case "MiB" -> 20;
          case "GiB" -> 30;
          case "TiB" -> 40;
          default -> 0;
        };
    return Math.round(Double.parseDouble(found.group(group)) * (1L << power));
  }

  /** What is known, such as {@code 2.0 GiB were asked for, of 23.5 GiB 0.1 GiB are free}. */
  @Override
  public String toString() {
    StringBuilder said = new StringBuilder(device).append(" has not enough memory");
    asked.ifPresent(size -> said.append(": ").append(said(size)).append(" more were asked for"));
    total.ifPresent(size -> said.append("; it has ").append(said(size)));
    free.ifPresent(size -> said.append(", of which ").append(said(size)).append(" are free"));
    held.ifPresent(size -> said.append("; arrays of this program hold ").append(said(size)));
    reserved.ifPresent(
        size -> said.append(", and ").append(said(size)).append(" are kept for its next ones"));
    return said.toString();
  }

  private static String said(long size) {
    return size < 1L << 20
        ? String.format(Locale.ROOT, "%,d bytes", size)
        : size < 1L << 30
            ? String.format(Locale.ROOT, "%.1f MiB", size / (double) (1L << 20))
            : String.format(Locale.ROOT, "%,.2f GiB", size / (double) (1L << 30));
  }
}
