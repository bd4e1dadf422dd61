package io.github.peft4j.kernel.script;

import ai.djl.ndarray.NDList;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValue;
import ai.djl.pytorch.jni.IValueUtils;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodHandles.Lookup;
import java.lang.invoke.MethodType;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Calls of TorchScript functions, whose arguments are freed also if the call fails. DJL frees them
 * after a success only: all that a kernel was given when memory ran out would stay in memory for
 * ever. DJL does not offer its native call otherwise, so it is looked up.
 */
public final class ModuleCall {

  private static final Logger LOG = LoggerFactory.getLogger(ModuleCall.class);

  /** (module, name, arguments, records gradients, stream of its own) → result; null if unknown. */
  private static final @Nullable MethodHandle CALL = find();

  private ModuleCall() {}

  /** Whether this DJL has the native call that is known here. */
  public static boolean isAvailable() {
    return CALL != null;
  }

  /**
   * Calls a module.
   *
   * @param inputs the arguments as arrays, to the manager of whose first one the results belong
   * @param arguments the same as the module takes them, which are closed
   * @return the tensors of the result
   */
  public static NDList call(PtSymbolBlock module, NDList inputs, IValue... arguments) {
    try {
      if (CALL == null) {
        return IValueUtils.forward(module, inputs, true);
      }
      try (IValue result = call(module, arguments)) {
        return result.toNDList((PtNDManager) inputs.get(0).getManager());
      }
    } finally {
      for (IValue argument : arguments) {
        argument.close();
      }
    }
  }

  private static IValue call(PtSymbolBlock module, IValue... arguments) {
    MethodHandle call = CALL;
    if (call == null) {
      throw new IllegalStateException("this DJL has another native call");
    }
    long[] handles = Arrays.stream(arguments).mapToLong(IValue::getHandle).toArray();
    try {
      return (IValue) call.invokeExact((long) module.getHandle(), "forward", handles, true, false);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("a native call failed", e);
    }
  }

  private static @Nullable MethodHandle find() {
    try {
      Lookup lookup = MethodHandles.privateLookupIn(IValueUtils.class, MethodHandles.lookup());
      Class<?> library = lookup.findClass("ai.djl.pytorch.jni.PyTorchLibrary");
      MethodType type =
          MethodType.methodType(
              long.class, long.class, String.class, long[].class, boolean.class, boolean.class);
      MethodHandle run = lookup.findVirtual(library, "moduleRunMethod", type);
      Object instance = lookup.findStaticGetter(library, "LIB", library).invoke();
      MethodHandle result =
          lookup.findConstructor(IValue.class, MethodType.methodType(void.class, long.class));
      return MethodHandles.filterReturnValue(run.bindTo(instance), result);
    } catch (Throwable e) {
      LOG.warn("this DJL is not known: if memory runs out, some of it stays taken", e);
      return null;
    }
  }
}
