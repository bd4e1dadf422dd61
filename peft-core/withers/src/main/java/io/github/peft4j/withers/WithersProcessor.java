package io.github.peft4j.withers;

import java.io.IOException;
import java.io.Writer;
import java.util.Set;
import javax.annotation.processing.AbstractProcessor;
import javax.annotation.processing.RoundEnvironment;
import javax.annotation.processing.SupportedAnnotationTypes;
import javax.lang.model.SourceVersion;
import javax.lang.model.element.Element;
import javax.lang.model.element.ElementKind;
import javax.lang.model.element.NestingKind;
import javax.lang.model.element.TypeElement;
import javax.tools.Diagnostic;

/** Writes the interface {@code <Record>Withers} beside each record that {@link Withers} marks. */
@SupportedAnnotationTypes("io.github.peft4j.withers.Withers")
public final class WithersProcessor extends AbstractProcessor {

  /** Creates the processor; the compiler does. */
  public WithersProcessor() {}

  @Override
  public SourceVersion getSupportedSourceVersion() {
    return SourceVersion.latestSupported();
  }

  @Override
  public boolean process(Set<? extends TypeElement> annotations, RoundEnvironment round) {
    for (Element element : round.getElementsAnnotatedWith(Withers.class)) {
      TypeElement type = (TypeElement) element;
      if (type.getKind() != ElementKind.RECORD || type.getNestingKind() != NestingKind.TOP_LEVEL) {
        error("@Withers is for top-level records; " + type + " is none", type);
      } else {
        write(type);
      }
    }
    return false;
  }

  private void write(TypeElement type) {
    WithersSource source = new WithersSource(type, processingEnv.getElementUtils());
    try (Writer file =
        processingEnv.getFiler().createSourceFile(source.qualifiedName(), type).openWriter()) {
      file.write(source.text());
    } catch (IOException e) {
      error("cannot write " + source.qualifiedName() + ": " + e.getMessage(), type);
    }
  }

  private void error(String message, Element where) {
    processingEnv.getMessager().printMessage(Diagnostic.Kind.ERROR, message, where);
  }
}
