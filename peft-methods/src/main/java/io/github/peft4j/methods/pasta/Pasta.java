package io.github.peft4j.methods.pasta;

import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.LayerSite;
import java.util.List;
import java.util.Objects;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * PASTA (Yang et al. 2023, arXiv:2210.04382): before each layer, the state of the j-th special
 * token of a text gets a trained vector. In an encoder-decoder these are the tokens of the encoder.
 */
public final class Pasta extends BaseMethod<PastaConfig> {

  /** The method. */
  public Pasta() {
    super("PASTA", PastaConfig.class);
  }

  @Override
  public PastaConfig complete(PastaConfig config, Sites sites) {
    return config.specialTokenIds() == null ? config.specialTokenIds(added(sites)) : config;
  }

  /** The tokens that the tokenizer adds to a text. */
  private static List<Integer> added(Sites sites) {
    List<Integer> ids =
        LongStream.of(sites.words().encode().apply(""))
            .mapToInt(Math::toIntExact)
            .distinct()
            .boxed()
            .toList();
    if (ids.isEmpty()) {
      throw new IllegalArgumentException(
          "PastaConfig: field 'special_token_ids' is null, and the tokenizer of "
              + sites.words().name()
              + " adds no special tokens; expected the ids of the tokens that are to get vectors");
    }
    return ids;
  }

  @Override
  public void inject(PastaConfig config, Sites sites) {
    String stack = sites.all(InputSite.class).get(0).stack();
    List<LayerSite> layers =
        sites.all(LayerSite.class).stream()
            .filter(site -> site.place().stack().equals(stack))
            .toList();
    List<Integer> chosen = config.layersToTransform();
    requireLayers(chosen, layers.size());
    List<Integer> ids = Objects.requireNonNull(config.specialTokenIds());
    layers.stream()
        .filter(site -> chosen == null || chosen.contains(site.place().index()))
        .forEach(
            site ->
                sites.rewrite(
                    site,
                    new SpecialTokens(
                        sites
                            .initial(site)
                            .normal(
                                config.initializerRange(),
                                config.numSpecialTokens(),
                                site.place().dimension()),
                        ids,
                        config.dropout())));
  }

  private static void requireLayers(@Nullable List<Integer> chosen, int layers) {
    if (chosen != null
        && (chosen.isEmpty() || chosen.stream().anyMatch(i -> i < 0 || i >= layers))) {
      throw new IllegalArgumentException(
          "PastaConfig: field 'layers_to_transform' is %s; expected layers from 0 to %d, or null for all"
              .formatted(chosen, layers - 1));
    }
  }
}
