package io.github.peft4j.chat.python;

/** What a template can call: a macro, a method of a value, a function that is given to it. */
public interface Function {

  /** The name, for messages. */
  String name();

  /** The result of a call. */
  Object call(Arguments arguments);

  /** A function of a name. */
  static Function of(String name, java.util.function.Function<Arguments, Object> body) {
    return new Function() {
      @Override
      public String name() {
        return name;
      }

      @Override
      public Object call(Arguments arguments) {
        return body.apply(arguments);
      }
    };
  }
}
