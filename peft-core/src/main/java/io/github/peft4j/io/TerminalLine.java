package io.github.peft4j.io;

import java.io.Console;
import java.io.PrintStream;

/** The last line of a terminal, which is drawn again and again. */
public final class TerminalLine {

  private final PrintStream out;
  private int shown;

  /** A line of this stream. */
  public TerminalLine(PrintStream out) {
    this.out = out;
  }

  /** Whether a person sees what this process prints. */
  // From Java 22 on, there may be a console that is not a terminal.
  @SuppressWarnings("SystemConsoleNull")
  public static boolean isTerminal() {
    Console console = System.console();
    if (console == null) {
      return false;
    }
    try {
      return (boolean) Console.class.getMethod("isTerminal").invoke(console);
    } catch (ReflectiveOperationException olderJava) {
      return true;
    }
  }

  /**
   * Shows a text in the place of the former one. It uses a carriage return and blanks, since some
   * terminals show escape sequences as text.
   */
  public void redraw(String text) {
    out.print("\r" + text + " ".repeat(Math.max(0, shown - text.length())));
    out.flush();
    shown = text.length();
  }

  /** Shows a text in the place of the former one, and leaves it there. */
  public void end(String text) {
    redraw(text);
    shown = 0;
    out.println();
  }
}
