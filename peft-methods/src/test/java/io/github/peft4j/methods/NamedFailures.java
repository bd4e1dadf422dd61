package io.github.peft4j.methods;

import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestExecutionExceptionHandler;

/** Puts the case before a failure's message: Maven's reports have only its number. */
final class NamedFailures implements TestExecutionExceptionHandler {

  @Override
  public void handleTestExecutionException(ExtensionContext context, Throwable failure)
      throws Throwable {
    if (failure instanceof AssertionError) {
      throw new AssertionError(context.getDisplayName() + ": " + failure.getMessage(), failure);
    }
    failure.addSuppressed(new IllegalStateException("in the case " + context.getDisplayName()));
    throw failure;
  }
}
