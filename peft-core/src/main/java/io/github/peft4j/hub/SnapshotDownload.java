package io.github.peft4j.hub;

import io.github.peft4j.hub.NeededFiles.Needed;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletionService;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Brings a revision of a repository into the cache, as far as it is needed and not there yet. */
final class SnapshotDownload {

  private static final Logger LOG = LoggerFactory.getLogger(SnapshotDownload.class);

  private final HubModel model;
  private final NeededFiles needed;
  private final HubSettings settings;
  private final Retry retry;
  private final HubCache cache;
  private final String what;

  SnapshotDownload(HubModel model, NeededFiles needed, HubSettings settings, Retry retry) {
    this.model = model;
    this.needed = needed;
    this.settings = settings;
    this.retry = retry;
    this.cache = new HubCache(settings.cache(), model.id(), settings.symlinks());
    this.what = model.toString();
  }

  /**
   * The snapshot's folder with all needed files, or a GGUF file in it.
   *
   * @throws HubException if it cannot be downloaded
   */
  Path run() {
    if (settings.offline()) {
      return offline();
    }
    Optional<Path> cached = cached();
    if (Listing.isCommit(model.revision())
        && cached.isPresent()
        && cache.listing(model.revision()).isPresent()) {
      return cached.get(); // a commit does not change
    }
    Http http = new Http(settings);
    HubApi api =
        new HubApi(
            http,
            new HubErrors(
                settings.endpoint(),
                model.id(),
                model.revision(),
                settings.token() != null && Endpoints.isPrivate(settings.endpoint())));
    Listing listing;
    try {
      listing = api.listing(cached.isPresent() ? retry.once() : retry);
    } catch (HubErrors.NoSuchRevision e) {
      throw e;
    } catch (HubException e) {
      if (cached.isEmpty() || Thread.currentThread().isInterrupted()) {
        throw e;
      }
      LOG.warn("{}; taking the copy in the cache, {}", e.getMessage(), cached.get());
      return unchecked(cached.get());
    }
    Needed brought = download(api, http, listing);
    cache.remember(model.revision(), listing.commit());
    cache.keep(listing);
    return cache.snapshot(listing.commit()).resolve(brought.path());
  }

  private Path offline() {
    try {
      return unchecked(complete());
    } catch (HubException e) {
      throw new HubException(
          e.getMessage()
              + ". "
              + (HubSettings.isOffline(Environment.ofProcess())
                  ? "HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE"
                  : "HubSettings.offline(true)")
              + " is set, so that nothing is downloaded: run once without it, or copy the cache from a machine that has the files",
          e);
    }
  }

  /** Python downloads files on demand, so the tokenizer may be missing. */
  private Path unchecked(Path snapshot) {
    if (needed == NeededFiles.MODEL
        && Files.isDirectory(snapshot)
        && cache.listing(snapshot.getFileName().toString()).isEmpty()
        && !Files.exists(snapshot.resolve("tokenizer.json"))) {
      LOG.warn(
          "{}: the copy in the cache has no tokenizer.json. If the repository has one, load the"
              + " model once with a network",
          what);
    }
    return snapshot;
  }

  private Optional<Path> cached() {
    try {
      return Optional.of(complete());
    } catch (HubException e) {
      LOG.debug("{}", e.getMessage());
      return Optional.empty();
    }
  }

  /** The snapshot in the cache, or a GGUF file in it, if all that is needed is there. */
  private Path complete() {
    String inCache = "the copy of " + what + " in the cache " + cache.root();
    String commit =
        cache
            .commit(model.revision())
            .filter(known -> Files.isDirectory(cache.snapshot(known)))
            .orElseThrow(() -> new HubException(what + " is not in the cache " + cache.root()));
    Set<String> present = cache.names(commit);
    Listing listing = cache.listing(commit).orElseGet(() -> Listing.ofNames(commit, present));
    Set<String> shards =
        needed
            .index(listing.names())
            .filter(present::contains)
            .map(index -> NeededFiles.shards(cache.snapshot(commit).resolve(index)))
            .orElse(Set.of());
    Needed wanted = needed.of(model, inCache, listing, shards);
    Set<String> missing = new TreeSet<>(wanted.names());
    missing.removeAll(present);
    if (!missing.isEmpty()) {
      throw new HubException(inCache + " lacks " + String.join(", ", missing));
    }
    return cache.snapshot(commit).resolve(wanted.path());
  }

  private Needed download(HubApi api, Http http, Listing listing) {
    for (String name : listing.names()) {
      FileNames.forgery(name)
          .ifPresent(
              why -> {
                throw FileNames.refused(what, name, why);
              });
    }
    Optional<String> index = needed.index(listing.names());
    if (index.isPresent()) {
      fetch(api, http, listing, Set.of(index.get()), new DownloadListener() {});
    }
    Set<String> shards =
        index
            .map(file -> NeededFiles.shards(cache.snapshot(listing.commit()).resolve(file)))
            .orElse(Set.of());
    Needed wanted = needed.of(model, what, listing, shards);
    fetch(api, http, listing, wanted.names(), model.listenerOrDefault());
    return wanted;
  }

  private void fetch(
      HubApi api, Http http, Listing listing, Collection<String> names, DownloadListener listener) {
    FileNames.require(what, names);
    List<RemoteFile> missing = new ArrayList<>();
    for (String name : names) {
      if (!cache.has(listing.commit(), name)) {
        RemoteFile file = Objects.requireNonNull(listing.files().get(name));
        missing.add(api.known(listing.commit(), file, retry));
      }
    }
    if (missing.isEmpty()) {
      return;
    }
    Map<String, RemoteFile> blobs = new TreeMap<>(); // two files may have the same content
    missing.stream()
        .filter(file -> !cache.hasBlob(file.hash()))
        .forEach(file -> blobs.put(file.hash().expected(), file));
    long bytes = blobs.values().stream().mapToLong(RemoteFile::size).sum();
    Progress progress = new Progress(listener, bytes);
    progress.tell(to -> to.onStart(model.id(), missing.size(), bytes));
    try {
      requireSpace(bytes);
      inParallel(
          missing.stream()
              .map(file -> (Step) () -> bring(api, http, listing.commit(), file, progress))
              .toList());
    } catch (RuntimeException e) {
      progress.tell(to -> to.onFailure(e));
      throw e;
    }
    progress.tell(to -> to.onEnd(cache.snapshot(listing.commit())));
  }

  private void requireSpace(long bytes) {
    try {
      FileStore disk = Files.getFileStore(Files.createDirectories(cache.root()));
      long free = disk.getUsableSpace();
      if (free > 0 && free < bytes) {
        throw new HubException(
            "%s needs %,d bytes, and the disk of %s has %,d left: make room, or set HF_HUB_CACHE to"
                    .formatted(what, bytes, cache.root(), free)
                + " a folder on another disk");
      }
    } catch (IOException e) {
      throw new HubException("the cache " + cache.root() + " cannot be written: " + e, e);
    }
  }

  /** Brings one file into the snapshot. */
  private void bring(HubApi api, Http http, String commit, RemoteFile file, Progress progress)
      throws InterruptedException {
    ContentHash hash = file.hash();
    try (BlobLock lock = BlobLock.take(cache.lock(hash))) {
      LOG.trace("{} holds {}", file, lock);
      if (cache.has(commit, file.name())) {
        return; // another thread or process has brought it meanwhile
      }
      boolean fresh = !cache.hasBlob(hash);
      if (fresh) {
        try (PartialFile part = PartialFile.open(cache.partial(hash), hash)) {
          new FileDownload(file, api.file(commit, file.name()), http, api.errors(), retry, progress)
              .into(part);
          cache.keep(part, hash);
        }
      }
      cache.point(commit, file.name(), hash, fresh);
    }
  }

  private interface Step {
    void run() throws InterruptedException;
  }

  /** Runs steps in several threads. If one fails, the others are ended before it is thrown. */
  private void inParallel(List<Step> steps) {
    ExecutorService threads =
        Executors.newFixedThreadPool(
            Math.min(model.threads(), steps.size()),
            task -> {
              Thread thread = new Thread(task, "download of " + model.id());
              thread.setDaemon(true);
              return thread;
            });
    try {
      CompletionService<Object> running = new ExecutorCompletionService<>(threads);
      steps.forEach(
          step ->
              running.submit(
                  () -> {
                    step.run();
                    return what;
                  }));
      for (int i = 0; i < steps.size(); i++) {
        running.take().get();
      }
    } catch (InterruptedException e) {
      throw Retry.interrupted(what, e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException failure) {
        throw failure;
      }
      throw new HubException(what + ": " + e.getCause(), e);
    } finally {
      threads.shutdownNow();
      awaitEnd(threads);
    }
  }

  private static void awaitEnd(ExecutorService threads) {
    try {
      if (!threads.awaitTermination(1, TimeUnit.MINUTES)) {
        LOG.warn("a download does not end");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
