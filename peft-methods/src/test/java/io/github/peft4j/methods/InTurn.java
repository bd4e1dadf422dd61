package io.github.peft4j.methods;

import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.toList;

import java.lang.reflect.Method;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.ArgumentsProvider;
import org.junit.jupiter.params.support.ParameterDeclarations;
import org.junit.platform.commons.support.ReflectionSupport;

/**
 * Each method of {@code cases()} on one of its models, for what hardly depends on the model. The
 * models take turns: the next method has the next model, and so has the next test. {@code
 * -Dpeft4j.methods=REGEX}, {@code .*} too, takes all models.
 */
final class InTurn implements ArgumentsProvider {

  @Override
  public Stream<Arguments> provideArguments(
      ParameterDeclarations parameters, ExtensionContext context) {
    List<Arguments> cases = cases(context.getRequiredTestClass());
    if (System.getProperty("peft4j.methods") != null) {
      return cases.stream();
    }
    List<List<Arguments>> byMethod =
        List.copyOf(
            cases.stream()
                .collect(groupingBy(each -> each.get()[0], LinkedHashMap::new, toList()))
                .values());
    int turn = context.getRequiredTestMethod().getName().hashCode();
    return IntStream.range(0, byMethod.size())
        .mapToObj(i -> byMethod.get(i).get(Math.floorMod(turn + i, byMethod.get(i).size())));
  }

  @SuppressWarnings("unchecked")
  private static List<Arguments> cases(Class<?> test) {
    Method cases = ReflectionSupport.findMethod(test, "cases").orElseThrow();
    return ((Stream<Arguments>) ReflectionSupport.invokeMethod(cases, null)).toList();
  }
}
