package io.github.peft4j.config;

import java.util.List;

/**
 * Several methods in one adapter: trained, saved and loaded together, such as LoRA and prompt
 * tuning.
 *
 * <pre>{@code
 * model.adapt(CompositeConfig.of(LoraConfig.ofRank(8), PromptTuningConfig.ofLength(10)));
 * }</pre>
 *
 * <p>At a place of the model that several methods change, a later one takes those before it for its
 * base. The classifier is trained with the first part.
 *
 * @param parts the methods' configs, two or more
 */
public record CompositeConfig(List<PeftConfig> parts) implements PeftConfig {

  /** {@code peft_type} in adapter_config.json; Hugging Face PEFT has no such type. */
  public static final String TYPE = "COMPOSITE";

  /** Checks the parts. */
  public CompositeConfig {
    if (parts.size() < 2) {
      throw new IllegalArgumentException(
          "CompositeConfig: parts are %s; expected two configs or more: take a single one itself"
              .formatted(parts));
    }
    if (parts.stream().anyMatch(CompositeConfig.class::isInstance)) {
      throw new IllegalArgumentException(
          "CompositeConfig: a part is composite itself; expected the parts of both in one list");
    }
    parts = List.copyOf(parts);
  }

  /** A config of these parts. */
  public static CompositeConfig of(PeftConfig... parts) {
    return new CompositeConfig(List.of(parts));
  }
}
