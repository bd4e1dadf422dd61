package io.github.peft4j.hub;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.io.AtomicFiles;
import io.github.peft4j.io.JsonFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A repository in the cache of huggingface_hub:
 *
 * <pre>
 * models--org--name/blobs/HASH              the contents
 * models--org--name/refs/main               the commit that a branch or a tag was
 * models--org--name/snapshots/COMMIT/FILE   links to blobs
 * models--org--name/trees/COMMIT.json       the names of all files of the commit
 * .locks/models--org--name/HASH.lock
 * </pre>
 */
final class HubCache {

  private static final Logger LOG = LoggerFactory.getLogger(HubCache.class);
  private static final int TREE_FORMAT = 1;
  private static final int DEEPEST = 3;

  private final Path root;
  private final String name;
  private final Path folder;
  private final boolean symlinks;

  HubCache(Path root, String id, boolean symlinks) {
    this.root = root;
    this.name = "models--" + id.replace("/", "--");
    this.folder = root.resolve(name);
    this.symlinks = symlinks;
  }

  Path root() {
    return root;
  }

  boolean exists() {
    return Files.isDirectory(folder);
  }

  Path snapshot(String commit) {
    return folder.resolve("snapshots").resolve(commit);
  }

  Path lock(ContentHash hash) {
    return root.resolve(".locks").resolve(name).resolve(hash.expected() + ".lock");
  }

  private Path blob(ContentHash hash) {
    return folder.resolve("blobs").resolve(hash.expected());
  }

  /** Not Python's name for it: the two programs do not see each other's locks everywhere. */
  Path partial(ContentHash hash) {
    return folder.resolve("blobs").resolve(hash.expected() + ".peft4j.incomplete");
  }

  boolean hasBlob(ContentHash hash) {
    try {
      Path blob = blob(hash);
      return Files.isRegularFile(blob) && Files.size(blob) == hash.size();
    } catch (IOException e) {
      return false;
    }
  }

  boolean has(String commit, String file) {
    return Files.isRegularFile(snapshot(commit).resolve(file));
  }

  /** The commit that a revision was when it was last looked up. */
  Optional<String> commit(String revision) {
    if (Listing.isCommit(revision)) {
      return Optional.of(revision);
    }
    Path ref = folder.resolve("refs").resolve(revision);
    if (!Files.isRegularFile(ref)) {
      return Optional.empty();
    }
    try {
      return Optional.of(Files.readString(ref).strip()).filter(Listing::isCommit);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + ref, e);
    }
  }

  /** Remembers which commit a revision is. A cache that cannot be written is used as it is. */
  void remember(String revision, String commit) {
    if (!commit(revision).equals(Optional.of(commit))) {
      try {
        AtomicFiles.writeText(folder.resolve("refs").resolve(revision), commit);
      } catch (UncheckedIOException e) {
        LOG.debug("the cache does not remember {}", revision, e);
      }
    }
  }

  /** Puts a complete download into its place. */
  void keep(PartialFile part, ContentHash hash) {
    part.moveTo(blob(hash));
  }

  /**
   * Gives a blob its name in a snapshot.
   *
   * @param fresh whether this process has just downloaded the blob. If links are not possible, the
   *     blob itself is moved then, as huggingface_hub does, and copied otherwise
   */
  void point(String commit, String file, ContentHash hash, boolean fresh) {
    Path pointer = snapshot(commit).resolve(file);
    try {
      Files.createDirectories(pointer.getParent());
      if (link(pointer, hash)) {
        return;
      }
      if (fresh) {
        Files.move(blob(hash), pointer, StandardCopyOption.ATOMIC_MOVE);
      } else {
        Path copy = pointer.resolveSibling("." + UUID.randomUUID() + ".tmp");
        Files.copy(blob(hash), copy);
        Files.move(copy, pointer, StandardCopyOption.ATOMIC_MOVE);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + pointer + " (" + e + ")", e);
    }
  }

  private boolean link(Path pointer, ContentHash hash) throws IOException {
    if (!symlinks) {
      return false;
    }
    Files.deleteIfExists(pointer); // a link to a blob that is gone
    try {
      Files.createSymbolicLink(
          pointer, Objects.requireNonNull(pointer.getParent()).relativize(blob(hash)));
      return true;
    } catch (FileAlreadyExistsException e) {
      return true; // another process was faster
    } catch (UnsupportedOperationException | IOException e) {
      LOG.debug("no links: snapshots of {} hold the files themselves", name, e);
      return false;
    }
  }

  /** The names of the files that a snapshot has. */
  Set<String> names(String commit) {
    Path snapshot = snapshot(commit);
    if (!Files.isDirectory(snapshot)) {
      return Set.of();
    }
    try (Stream<Path> files = Files.walk(snapshot, DEEPEST)) {
      return files
          .filter(Files::isRegularFile)
          .map(file -> snapshot.relativize(file).toString().replace('\\', '/'))
          .collect(Collectors.toSet());
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + snapshot, e);
    }
  }

  private Path tree(String commit) {
    return folder.resolve("trees").resolve(commit + ".json");
  }

  /** The files of a commit, if Python or this class has kept their names. */
  Optional<Listing> listing(String commit) {
    Path tree = tree(commit);
    if (!Files.isRegularFile(tree)) {
      return Optional.empty();
    }
    try {
      JsonObject json = JsonFile.read(tree);
      if (json.get("format_version").getAsInt() != TREE_FORMAT) {
        return Optional.empty();
      }
      List<RemoteFile> files = new ArrayList<>();
      json.getAsJsonObject("files")
          .asMap()
          .forEach((file, info) -> files.add(remoteFile(file, info.getAsJsonObject())));
      return Optional.of(Listing.of(commit, files));
    } catch (IllegalArgumentException
        | IllegalStateException
        | UnsupportedOperationException
        | ClassCastException
        | NullPointerException e) {
      LOG.warn("{} is damaged and is passed over: {}", tree, e.getMessage());
      return Optional.empty();
    }
  }

  private static RemoteFile remoteFile(String name, JsonObject info) {
    JsonElement sha256 = info.get("lfs_sha256");
    return new RemoteFile(
        name,
        info.get("size").getAsLong(),
        info.get("blob_id").getAsString(),
        sha256 == null ? null : sha256.getAsString());
  }

  /** Keeps the names of the files of a commit, in Python's format. */
  void keep(Listing listing) {
    Path tree = tree(listing.commit());
    if (Files.exists(tree)) {
      return;
    }
    JsonObject files = new JsonObject();
    for (Map.Entry<String, RemoteFile> file : new TreeMap<>(listing.files()).entrySet()) {
      JsonObject info = info(file.getValue());
      if (info == null) {
        return; // a mirror did not say all
      }
      files.add(file.getKey(), info);
    }
    JsonObject json = new JsonObject();
    json.addProperty("format_version", TREE_FORMAT);
    json.add("files", files);
    try {
      AtomicFiles.writeText(tree, JsonFile.text(json));
    } catch (UncheckedIOException e) {
      LOG.debug("the cache does not keep the names of files", e);
    }
  }

  private static @Nullable JsonObject info(RemoteFile file) {
    if (file.size() < 0 || file.blobId() == null) {
      return null;
    }
    JsonObject info = new JsonObject();
    info.addProperty("size", file.size());
    info.addProperty("blob_id", file.blobId());
    if (file.sha256() != null) {
      info.addProperty("lfs_sha256", file.sha256());
      info.addProperty("lfs_size", file.size());
    }
    return info;
  }
}
