package io.github.peft4j.kernel;

import ai.djl.engine.EngineException;
import io.github.peft4j.advice.Advice;
import io.github.peft4j.advice.Advised;
import io.github.peft4j.advice.Remedy;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * The device has not enough memory for what was asked. The message says how much is lacking and
 * what to change. The model is as it was before, and may be used on.
 */
public final class OutOfDeviceMemoryException extends RuntimeException implements Advised {

  /** What helps a model that reads texts. */
  public static final String FEWER_TEXTS =
      "Give fewer or shorter texts at a time, or load the model in fewer bits";

  private static final long serialVersionUID = 1L;

  private final String fact;
  private final transient Advice advice;
  private final transient DeviceMemory memory;

  private OutOfDeviceMemoryException(String fact, Advice advice, DeviceMemory memory, Throwable e) {
    super(Advised.message(fact, advice), e);
    this.fact = fact;
    this.advice = advice;
    this.memory = memory;
  }

  /**
   * Runs code that may ask for more memory than there is.
   *
   * @param doing what the code does, such as {@code a batch of 8 rows}
   * @param remedy what to change, without its full stop
   * @throws OutOfDeviceMemoryException if it does. Other errors stay as they are
   */
  public static <T> T guard(Supplier<String> doing, Supplier<String> remedy, Supplier<T> code) {
    try {
      return code.get();
    } catch (EngineException e) {
      DeviceMemory memory = DeviceMemory.of(String.valueOf(e.getMessage())).orElseThrow(() -> e);
      throw new OutOfDeviceMemoryException(
          doing.get() + ": " + memory, Remedy.TAKE_LESS_MEMORY.with(remedy.get()), memory, e);
    }
  }

  /** What PyTorch said about the memory. */
  public DeviceMemory memory() {
    return memory;
  }

  @Override
  public String fact() {
    return fact;
  }

  @Override
  public Optional<Advice> advice() {
    return Optional.of(advice);
  }
}
