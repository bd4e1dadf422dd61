package io.github.peft4j.withers;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Generates a wither for each component of a record: a method of the component's name that takes
 * the new value and returns a changed copy.
 *
 * <pre>{@code
 * @Withers
 * public record LohaConfig(int r, Targets targets) implements LinearConfig<LohaConfig>, LohaConfigWithers {}
 *
 * config.r(16).targetModules("q_proj")
 * }</pre>
 *
 * <p>The generated interface {@code LohaConfigWithers} extends the record's other interfaces. The
 * record may override a wither. The components of a component that is a {@code ConfigPart} have
 * accessors and withers in the record itself. A wither's Javadoc is the component's {@code @param}.
 * It has no imports: a link to a type of another package needs its full name.
 *
 * <p>Some withers have overloads: a {@code Double} takes a {@code double}, a {@code List<String>}
 * takes {@code String...}, a {@code List<Integer>} takes {@code int...}, and a component whose type
 * has static methods {@code of} takes their parameters.
 */
@Retention(RetentionPolicy.SOURCE)
@Target(ElementType.TYPE)
public @interface Withers {}
