package io.github.peft4j.withers;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.lang.model.element.Element;
import javax.lang.model.element.ElementKind;
import javax.lang.model.element.ExecutableElement;
import javax.lang.model.element.Modifier;
import javax.lang.model.element.RecordComponentElement;
import javax.lang.model.element.TypeElement;
import javax.lang.model.element.VariableElement;
import javax.lang.model.type.DeclaredType;
import javax.lang.model.type.TypeKind;
import javax.lang.model.type.TypeMirror;
import javax.lang.model.util.ElementFilter;
import javax.lang.model.util.Elements;

/** The source text of one record's withers. */
final class WithersSource {

  private static final String PART = "io.github.peft4j.config.ConfigPart";
  private static final Pattern PARAM =
      Pattern.compile("@param\\s+(\\w+)\\s+(.*?)(?=\\n\\s*@\\w|\\z)", Pattern.DOTALL);

  private final TypeElement record;
  private final Elements elements;
  private final StringBuilder text = new StringBuilder();

  WithersSource(TypeElement record, Elements elements) {
    this.record = record;
    this.elements = elements;
  }

  /** The interface's name. */
  String qualifiedName() {
    return record.getQualifiedName() + "Withers";
  }

  /** The interface. */
  String text() {
    String interfaces =
        record.getInterfaces().stream()
            .filter(type -> type.getKind() == TypeKind.DECLARED) // not the one that we write
            .map(TypeMirror::toString)
            .collect(Collectors.joining(", "));
    text.append("package %s;\n\n".formatted(elements.getPackageOf(record)));
    text.append("/** Copies of {@link %s} with one value changed. */\n".formatted(name()));
    text.append("@javax.annotation.processing.Generated(\"%s\")\n".formatted(getClass().getName()));
    text.append("interface %sWithers".formatted(name()));
    text.append(interfaces.isEmpty() ? " {\n" : " extends %s {\n".formatted(interfaces));
    Map<String, String> docs = docs(record);
    for (RecordComponentElement component : record.getRecordComponents()) {
      String field = component.getSimpleName().toString();
      text.append("\n  %s %s();\n".formatted(type(component), field));
      withers(
          component,
          docs.getOrDefault(field, field),
          "new %s(%s)".formatted(name(), arguments(field)));
      if (isPart(component)) {
        part(field, recordOf(component));
      }
    }
    return text.append("}\n").toString();
  }

  private String name() {
    return record.getSimpleName().toString();
  }

  /** The constructor's arguments: all as they are, except the parameter of this name. */
  private String arguments(String changed) {
    return record.getRecordComponents().stream()
        .map(c -> c.getSimpleName().toString())
        .map(field -> field.equals(changed) ? field : field + "()")
        .collect(Collectors.joining(", "));
  }

  private static TypeElement recordOf(RecordComponentElement component) {
    return (TypeElement) ((DeclaredType) component.asType()).asElement();
  }

  /** Accessors and withers of a part's components, and of those that it has in parts of its own. */
  private void part(String part, TypeElement type) {
    Map<String, String> docs = docs(type);
    for (RecordComponentElement component : type.getRecordComponents()) {
      String field = component.getSimpleName().toString();
      text.append(
          doc("The component {@code %s}: ".formatted(field), docs.getOrDefault(field, field)));
      method(type(component), field, "", "%s().%s()".formatted(part, field));
      String changed = "%s(%s().%s(%s))".formatted(part, part, field, field);
      withers(component, docs.getOrDefault(field, field), changed);
      if (isPart(component)) {
        part(part, recordOf(component));
      }
    }
  }

  /** The wither of a component, and its overloads. */
  private void withers(RecordComponentElement component, String doc, String copy) {
    String field = component.getSimpleName().toString();
    wither(field, "%s %s".formatted(type(component), field), doc, copy);
    String plain = component.asType().toString().replaceAll("@\\S+ ", "");
    if (plain.equals("java.lang.Double")) { // as which an int is no argument
      wither(field, "double value", doc, "%s(Double.valueOf(value))".formatted(field));
    } else if (plain.equals("java.util.List<java.lang.String>")) {
      wither(field, "String... values", doc, "%s(java.util.List.of(values))".formatted(field));
    } else if (plain.equals("java.util.List<java.lang.Integer>")) {
      String boxed = "%s(java.util.stream.IntStream.of(values).boxed().toList())".formatted(field);
      wither(field, "int... values", doc, boxed);
    } else if (component.asType() instanceof DeclaredType type && isOurs(type)) {
      for (ExecutableElement of : ElementFilter.methodsIn(type.asElement().getEnclosedElements())) {
        if (of.getSimpleName().contentEquals("of")
            && of.getModifiers().containsAll(List.of(Modifier.PUBLIC, Modifier.STATIC))) {
          String made = "%s(%s.of(%s))".formatted(field, type.asElement(), names(of));
          wither(field, parameters(of), doc, made);
        }
      }
    }
  }

  private void wither(String field, String parameters, String doc, String result) {
    text.append(doc("A copy with another {@code %s}: ".formatted(field), doc));
    method(name(), field, parameters, result);
  }

  private void method(String type, String name, String parameters, String result) {
    text.append("  default %s %s(%s) {\n".formatted(type, name, parameters));
    text.append("    return %s;\n  }\n".formatted(result));
  }

  private static String doc(String start, String doc) {
    return "\n  /** %s%s. */\n".formatted(start, doc);
  }

  /** The {@code @param} texts of a record's Javadoc, by component. */
  private Map<String, String> docs(TypeElement type) {
    Map<String, String> docs = new HashMap<>();
    Matcher params = PARAM.matcher(Objects.requireNonNullElse(elements.getDocComment(type), ""));
    while (params.find()) {
      docs.put(params.group(1), params.group(2).strip().replaceAll("\\s+", " "));
    }
    return docs;
  }

  /** A component's type with its full name and, if it has it, JSpecify's annotation. */
  private static String type(RecordComponentElement component) {
    String plain = component.asType().toString().replaceAll("@\\S+ ", "");
    boolean nullable =
        isNullable(component.asType().getAnnotationMirrors())
            || isNullable(component.getAccessor().getReturnType().getAnnotationMirrors())
            || isNullable(component.getAnnotationMirrors());
    if (!nullable) {
      return plain;
    }
    int generic = plain.indexOf('<');
    int simple = plain.lastIndexOf('.', generic < 0 ? plain.length() : generic) + 1;
    return plain.substring(0, simple)
        + "@org.jspecify.annotations.Nullable "
        + plain.substring(simple);
  }

  private static boolean isNullable(
      List<? extends javax.lang.model.element.AnnotationMirror> annotations) {
    return annotations.stream()
        .anyMatch(a -> a.getAnnotationType().asElement().getSimpleName().contentEquals("Nullable"));
  }

  private static boolean isPart(RecordComponentElement component) {
    return component.asType() instanceof DeclaredType type
        && type.asElement().getKind() == ElementKind.RECORD
        && ((TypeElement) type.asElement())
            .getInterfaces().stream().anyMatch(i -> i.toString().equals(PART));
  }

  /** Not the JDK's: List.of and Map.of have a dozen overloads. */
  private boolean isOurs(DeclaredType type) {
    return !elements.getPackageOf(type.asElement()).toString().startsWith("java.");
  }

  private static String names(ExecutableElement method) {
    return method.getParameters().stream()
        .map(Element::getSimpleName)
        .collect(Collectors.joining(", "));
  }

  private static String parameters(ExecutableElement method) {
    List<? extends VariableElement> parameters = method.getParameters();
    String all =
        parameters.stream().map(p -> p.asType() + " " + p).collect(Collectors.joining(", "));
    return method.isVarArgs() ? all.replaceAll("\\[\\]( \\w+)$", "...$1") : all;
  }
}
