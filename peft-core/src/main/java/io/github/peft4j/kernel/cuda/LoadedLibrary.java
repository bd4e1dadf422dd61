package io.github.peft4j.kernel.cuda;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import io.github.peft4j.kernel.setting.Environment;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/** A native library that the process has loaded already, such as PyTorch's. */
final class LoadedLibrary {

  private final NativeLibrary library;

  private LoadedLibrary(NativeLibrary library) {
    this.library = library;
  }

  /**
   * The library of a name.
   *
   * @param name the beginning of the file's name, as a regular expression
   * @return empty if the process has not loaded it, or if it is not known
   */
  static Optional<LoadedLibrary> of(String name) {
    return Environment.loaded(name).map(NativeLibrary::getInstance).map(LoadedLibrary::new);
  }

  /**
   * What is made of functions of PyTorch for CUDA and of the driver.
   *
   * @param use gets both libraries, and {@linkplain #require requires} functions of them
   * @return empty if the process has not loaded both, or if one lacks a function
   */
  static <T> Optional<T> cuda(BiFunction<LoadedLibrary, LoadedLibrary, T> use) {
    try {
      return of("libtorch_cuda\\.so")
          .flatMap(torch -> of("libcuda\\.so").map(driver -> use.apply(torch, driver)));
    } catch (UnsatisfiedLinkError e) { // another version of PyTorch or of the driver
      return Optional.empty();
    }
  }

  /**
   * The first of these functions that the library has.
   *
   * @throws UnsatisfiedLinkError if it has none of them
   */
  Function require(String... names) {
    Function found = find(names);
    if (found == null) {
      throw new UnsatisfiedLinkError(library.getName() + " has none of " + List.of(names));
    }
    return found;
  }

  /** The first of these functions that the library has, or null. */
  @Nullable Function find(String... names) {
    for (String name : names) {
      try {
        return library.getFunction(name);
      } catch (UnsatisfiedLinkError e) {
        // another version of the library may have another of the names
      }
    }
    return null;
  }
}
