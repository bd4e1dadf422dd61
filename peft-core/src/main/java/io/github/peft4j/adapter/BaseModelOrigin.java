package io.github.peft4j.adapter;

import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The origin of a frozen model. Adapter files record it and are checked against it. */
public final class BaseModelOrigin {

  private static final Logger LOG = LoggerFactory.getLogger(BaseModelOrigin.class);

  private final String name;
  private final @Nullable Path folder;
  private final Supplier<String> hash;
  private @Nullable String sha256;
  private boolean changed;

  /**
   * Creates an origin.
   *
   * @param name a folder, or {@code base_model_name_or_path} in adapter files
   * @param folder the folder that the model was loaded from, or null
   * @param hash computes the fingerprint of the weights; called once, when it is first needed
   */
  public BaseModelOrigin(String name, @Nullable Path folder, Supplier<String> hash) {
    this.name = name;
    this.folder = folder;
    this.hash = hash;
  }

  public String name() {
    return name;
  }

  /** The folder that the model was loaded from, or null. */
  public @Nullable Path folder() {
    return folder;
  }

  /**
   * The fingerprint of the weights, see {@link io.github.peft4j.io.TensorHash}; null after
   * permanent merging.
   */
  public @Nullable String sha256() {
    if (sha256 == null && !changed) {
      sha256 = hash.get();
    }
    return changed ? null : sha256;
  }

  /**
   * Computes the fingerprint before a model is written into its own folder: afterwards the files
   * are those of other weights.
   */
  public void beforeWriting(Path target) {
    if (folder != null && isSame(folder, target)) {
      sha256();
    }
  }

  private static boolean isSame(Path a, Path b) {
    try {
      return Files.exists(b) && Files.isSameFile(a, b);
    } catch (IOException e) {
      return true; // if in doubt, the fingerprint is computed
    }
  }

  /**
   * Records that the weights have changed by permanent merging; {@link #sha256} is null from now
   * on.
   */
  public void change() {
    changed = true;
  }

  /**
   * The provenance of an adapter on this model, if it is saved now.
   *
   * @param task the model's task
   */
  public Provenance provenance(Adapter adapter, Task task) {
    String problem = task.type() == Task.Type.SEQ_CLS ? task.problem().problemType() : null;
    return Provenance.now(name, sha256(), adapter, task.labels(), problem);
  }

  /**
   * Logs a warning if an adapter was trained on other weights than the model's, or makes up for
   * what they have not lost.
   */
  public void compare(Path folder, Provenance provenance, Adapter adapter) {
    String corrected = provenance.corrected();
    if (corrected != null) {
      warnOfOtherNumbers(folder, corrected, adapter);
    }
    if (provenance.baseSha256() != null) { // reading all weights is slow
      Optional<String> doubt = provenance.doubt(name, sha256());
      doubt.ifPresent(why -> LOG.warn("{}: {}", folder, why));
    }
  }

  private static void warnOfOtherNumbers(Path folder, String corrected, Adapter adapter) {
    List<ParameterSite> weights =
        adapter.rewrites().stream()
            .filter(rewrite -> rewrite.site() instanceof LinearSite)
            .map(rewrite -> ((LinearSite) rewrite.site()).weight())
            .toList();
    List<String> others =
        weights.stream()
            .filter(
                weight -> {
                  Quantization kept = weight.quantization();
                  return kept == null || !kept.named().equals(corrected);
                })
            .map(ParameterSite::name)
            .toList();
    if (!others.isEmpty()) {
      LOG.warn(
          "{}: LoftQ started this adapter: it makes up for what {} loses, and {} of its {} weights"
              + " here are kept in another way, first {}. It computes something else on them: load"
              + " the model as it was trained, with quantize(…)",
          folder,
          corrected,
          others.size(),
          weights.size(),
          others.get(0));
    }
  }
}
