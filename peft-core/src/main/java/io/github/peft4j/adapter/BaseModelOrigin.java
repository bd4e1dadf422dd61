package io.github.peft4j.adapter;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Where a frozen model came from: what adapters' files say of it, and are compared with. */
public final class BaseModelOrigin {

  private static final Logger LOG = LoggerFactory.getLogger(BaseModelOrigin.class);

  private final String name;
  private final @Nullable Path folder;
  private final Supplier<String> hash;
  private @Nullable String sha256;
  private boolean changed;

  /**
   * An origin.
   *
   * @param name a folder, or {@code base_model_name_or_path} in adapter files
   * @param folder that the model was loaded from, or null
   * @param hash computes the fingerprint of the weights, once, when it is first asked for
   */
  public BaseModelOrigin(String name, @Nullable Path folder, Supplier<String> hash) {
    this.name = name;
    this.folder = folder;
    this.hash = hash;
  }

  public String name() {
    return name;
  }

  /** The folder that the model was loaded from; null if it came from none. */
  public @Nullable Path folder() {
    return folder;
  }

  /** The fingerprint of the weights; null once they are no longer those that were loaded. */
  public @Nullable String sha256() {
    if (sha256 == null && !changed) {
      sha256 = hash.get();
    }
    return changed ? null : sha256;
  }

  /**
   * To be called before a model is written into a folder. If it is the one that this model came
   * from, the fingerprint is computed now: later the files are those of other weights.
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
      return true; // it cannot be told: computed for nothing, at worst
    }
  }

  /** To be called when adapters have been merged for good. */
  public void change() {
    changed = true;
  }

  /**
   * Where an adapter on this model comes from, if it is saved now.
   *
   * @param labels the model's classes by id
   */
  public Provenance provenance(Adapter adapter, List<String> labels) {
    return Provenance.now(name, sha256(), adapter.trainings(), labels);
  }

  /** Logs a warning if an adapter's folder names a model of other weights. */
  public void compare(Path folder, Provenance provenance) {
    if (provenance.baseSha256() != null) { // else reading all weights would be for nothing
      Optional<String> doubt = provenance.doubt(name, sha256());
      doubt.ifPresent(why -> LOG.warn("{}: {}", folder, why));
    }
  }
}
