package io.github.peft4j.chat.jinja;

import io.github.peft4j.chat.jinja.Statement.Block;
import io.github.peft4j.chat.jinja.Statement.Parameter;
import io.github.peft4j.chat.jinja.Statement.Signature;
import io.github.peft4j.chat.python.Arguments;
import io.github.peft4j.chat.python.Attributes;
import io.github.peft4j.chat.python.Function;
import io.github.peft4j.chat.python.PythonException;
import io.github.peft4j.chat.python.Tuple;
import io.github.peft4j.chat.python.Undefined;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A macro, or the body of a {@code call} block. It sees the variables of the place where it is
 * defined.
 */
record Macro(Signature signature, Block body, Scope definedIn, Interpreter interpreter)
    implements Function, Attributes.HasFields {

  @Override
  public String name() {
    return signature.name();
  }

  @Override
  public String repr() {
    return "<Macro '" + name() + "'>";
  }

  @Override
  public @Nullable Object field(String field) {
    return switch (field) {
      case "name" -> name();
      case "arguments" ->
          new Tuple(new ArrayList<>(signature.parameters().stream().map(Parameter::name).toList()));
      case "catch_varargs" -> signature.special().contains("varargs");
      case "catch_kwargs" -> signature.special().contains("kwargs");
      case "caller" -> signature.special().contains("caller");
      default -> null;
    };
  }

  @Override
  public Object call(Arguments arguments) {
    Scope scope = definedIn.in(body.frame());
    List<Parameter> parameters = signature.parameters();
    Map<String, Object> named = new LinkedHashMap<>(arguments.named());
    List<Parameter> missing = new ArrayList<>();
    for (int i = 0; i < parameters.size(); i++) {
      Parameter parameter = parameters.get(i);
      Object value = i < arguments.size() ? arguments.get(i) : named.remove(parameter.name());
      if (value == null) {
        missing.add(parameter);
      } else {
        scope.set(parameter.name(), value);
      }
    }
    special(arguments, named, scope);
    missing.forEach(parameter -> scope.set(parameter.name(), otherwise(parameter, scope)));
    return interpreter.text(body.statements(), scope);
  }

  /** A default, which may name other parameters. */
  private Object otherwise(Parameter parameter, Scope scope) {
    Expression otherwise = parameter.otherwise();
    return otherwise == null
        ? new Undefined("parameter '" + parameter.name() + "' was not provided")
        : interpreter.evaluate(otherwise, scope);
  }

  private void special(Arguments arguments, Map<String, Object> named, Scope scope) {
    Set<String> special = signature.special();
    int parameters = signature.parameters().size();
    if (special.contains("caller")) {
      Object caller = named.remove("caller");
      scope.set("caller", caller == null ? new Undefined("No caller defined") : caller);
    }
    if (special.contains("varargs")) {
      scope.set("varargs", new Tuple(new ArrayList<>(arguments.from(parameters).positional())));
    } else if (arguments.size() > parameters) {
      throw new PythonException(
          "macro '" + name() + "' takes not more than " + parameters + " argument(s)");
    }
    if (special.contains("kwargs")) {
      scope.set("kwargs", new LinkedHashMap<Object, Object>(named));
    } else if (!named.isEmpty()) {
      throw new PythonException(
          "macro '"
              + name()
              + "' takes no keyword argument '"
              + named.keySet().iterator().next()
              + "'");
    }
  }
}
