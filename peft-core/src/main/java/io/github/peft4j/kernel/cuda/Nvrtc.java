package io.github.peft4j.kernel.cuda;

import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import io.github.peft4j.kernel.setting.Environment;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** NVRTC, CUDA's compiler as a library. */
final class Nvrtc {

  /** Not the one with {@code builtins} in its name, nor the one with {@code alt}. */
  private static final String NAME = "libnvrtc(-[0-9a-f]+)?\\.so[.0-9]*";

  private static final String BUILTINS = "libnvrtc-builtins(-[0-9a-f]+)?\\.so[.0-9]*";

  private final Api api;

  /** Kept, since a library that nobody holds is unloaded. */
  @SuppressWarnings("unused")
  private final List<NativeLibrary> builtins;

  private Nvrtc(Api api, List<NativeLibrary> builtins) {
    this.api = api;
    this.builtins = builtins;
  }

  /**
   * NVRTC where it may be: loaded already, beside PyTorch as in DJL's natives, in the packages of
   * the Python that PyTorch belongs to, or where the system's loader finds it.
   *
   * @param torch the file of PyTorch's library
   * @throws UnsatisfiedLinkError if there is none
   */
  static Nvrtc near(Path torch) {
    List<String> places = new ArrayList<>();
    Environment.loaded(NAME).ifPresent(places::add);
    Path folder = torch.toAbsolutePath().getParent();
    if (folder != null) {
      places.addAll(files(folder, NAME));
      for (String package_ : files(folder.resolve("../../nvidia").normalize(), ".*")) {
        places.addAll(files(Path.of(package_, "lib"), NAME));
      }
    }
    places.addAll(List.of("libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"));
    List<String> failures = new ArrayList<>();
    for (String place : places) {
      try {
        return of(place);
      } catch (UnsatisfiedLinkError e) {
        failures.add(e.getMessage());
      }
    }
    throw new UnsatisfiedLinkError("no NVRTC: " + String.join("; ", failures));
  }

  /**
   * The NVRTC of a file.
   *
   * @throws UnsatisfiedLinkError if it is not there or cannot be loaded
   */
  static Nvrtc of(String file) {
    Path folder = Path.of(file).getParent();
    List<NativeLibrary> builtins = new ArrayList<>();
    if (folder != null) { // NVRTC looks for them by name, and finds what is loaded
      files(folder, BUILTINS).forEach(name -> builtins.add(NativeLibrary.getInstance(name)));
    }
    return new Nvrtc(Native.load(file, Api.class), builtins);
  }

  /** The files of a folder that have such names, in alphabetical order. */
  private static List<String> files(Path folder, String name) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(file -> file.getFileName().toString().matches(name))
          .map(Path::toString)
          .sorted()
          .toList();
    } catch (IOException e) {
      return List.of();
    }
  }

  /**
   * Compiles a text for a device: to machine code, or to PTX, which the driver compiles, if the
   * device is newer than this NVRTC.
   *
   * @param capability 10 · major + minor
   * @param definitions as {@code NAME=text}
   * @throws IllegalArgumentException with NVRTC's words if the text does not compile
   */
  byte[] compile(String source, int capability, List<String> definitions) {
    int known = Arrays.stream(architectures()).filter(a -> a <= capability).max().orElse(0);
    boolean exact = known == capability;
    List<String> options = new ArrayList<>();
    options.add(
        "--gpu-architecture=" + (exact ? "sm_" : "compute_") + (exact ? capability : known));
    options.add("--std=c++17");
    definitions.forEach(definition -> options.add("--define-macro=" + definition));
    PointerByReference created = new PointerByReference();
    check(api.nvrtcCreateProgram(created, source, "peft4j.cu", 0, null, null));
    Pointer program = created.getValue();
    try {
      int status = api.nvrtcCompileProgram(program, options.size(), options.toArray(String[]::new));
      if (status != 0) {
        throw new IllegalArgumentException(said(status) + ":\n" + log(program));
      }
      LongByReference size = new LongByReference();
      check(exact ? api.nvrtcGetCUBINSize(program, size) : api.nvrtcGetPTXSize(program, size));
      byte[] code = new byte[Math.toIntExact(size.getValue())];
      check(exact ? api.nvrtcGetCUBIN(program, code) : api.nvrtcGetPTX(program, code));
      return code;
    } finally {
      api.nvrtcDestroyProgram(created);
    }
  }

  private int[] architectures() {
    IntByReference count = new IntByReference();
    check(api.nvrtcGetNumSupportedArchs(count));
    int[] all = new int[count.getValue()];
    check(api.nvrtcGetSupportedArchs(all));
    return all;
  }

  private String log(Pointer program) {
    LongByReference size = new LongByReference();
    if (api.nvrtcGetProgramLogSize(program, size) != 0 || size.getValue() == 0) {
      return "";
    }
    byte[] text = new byte[Math.toIntExact(size.getValue())];
    return api.nvrtcGetProgramLog(program, text) == 0
        ? new String(text, 0, text.length - 1, StandardCharsets.UTF_8)
        : "";
  }

  private void check(int status) {
    if (status != 0) {
      throw new IllegalArgumentException(said(status));
    }
  }

  private String said(int status) {
    return "NVRTC failed: " + api.nvrtcGetErrorString(status) + " (" + status + ")";
  }

  /** NVRTC's functions, by their own names. */
  interface Api extends Library {
    int nvrtcGetNumSupportedArchs(IntByReference count);

    int nvrtcGetSupportedArchs(int[] all);

    int nvrtcCreateProgram(
        PointerByReference program,
        String source,
        String name,
        int headers,
        String @Nullable [] texts,
        String @Nullable [] names);

    int nvrtcCompileProgram(Pointer program, int count, String[] options);

    int nvrtcGetProgramLogSize(Pointer program, LongByReference size);

    int nvrtcGetProgramLog(Pointer program, byte[] log);

    int nvrtcGetCUBINSize(Pointer program, LongByReference size);

    int nvrtcGetCUBIN(Pointer program, byte[] code);

    int nvrtcGetPTXSize(Pointer program, LongByReference size);

    int nvrtcGetPTX(Pointer program, byte[] code);

    int nvrtcDestroyProgram(PointerByReference program);

    String nvrtcGetErrorString(int status);
  }
}
