package io.github.peft4j.methods.lora.eva;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.EncodedExample.Alignment;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.common.linear.Ranks;
import io.github.peft4j.methods.lora.init.EvaConfig;
import io.github.peft4j.train.evaluation.BatchFeed;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.site.ActiveAdapters;
import io.github.peft4j.tuner.site.AttentionSite;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.LinearSite.Role;
import io.github.peft4j.tuner.site.Site;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Collects the inputs of modules while the frozen model reads batches. */
final class EvaInputs implements AutoCloseable {

  private static final int MOST_BATCHES = 10_000;

  private static final Kernel ROWS =
      Kernel.of(
          """
          def rows(x: Tensor, chosen: Tensor) -> Tensor:                   # x (B, T, in)
              flat = torch.reshape(x, [-1, torch.size(x, -1)])
              return torch.index_select(flat, 0, chosen).to(6)
          """);

  private final Ranks ranksBefore;
  private final EvaConfig eva;
  private final List<LinearSite> sites;
  private final Map<LinearSite, Integer> hashes = new LinkedHashMap<>();

  /** The components of each distinct input, by the first module that reads it. */
  private final Map<LinearSite, PrincipalComponents> components = new LinkedHashMap<>();

  private final Map<LinearSite, LinearSite> leaders = new LinkedHashMap<>();
  private Map<LinearSite, Integer> ranks = Map.of();
  private boolean hashing = true;
  private final Set<LinearSite> readAnswers;
  private long @Nullable [] chosen;
  private long @Nullable [] chosenOfAnswers;

  EvaInputs(Ranks ranksBefore, EvaConfig eva, List<LinearSite> sites, TransformerModel model) {
    this.ranksBefore = ranksBefore;
    this.eva = eva;
    this.sites = sites;
    this.readAnswers = readAnswers(model, sites);
  }

  /**
   * The modules of an encoder-decoder that read the decoder's tokens: all but those of the encoder
   * and those that compute keys and values of its output.
   */
  private static Set<LinearSite> readAnswers(TransformerModel model, List<LinearSite> sites) {
    List<InputSite> inputs = ofKind(InputSite.class, model).toList();
    if (inputs.size() == 1) {
      return Set.of();
    }
    String encoder = inputs.get(0).stack() + ".";
    Set<String> cross =
        ofKind(AttentionSite.class, model)
            .filter(site -> site.place().cross())
            .map(Site::name)
            .collect(Collectors.toSet());
    return sites.stream()
        .filter(site -> !site.name().startsWith(encoder))
        .filter(site -> !(isKeyOrValue(site) && cross.contains(parent(site.name()))))
        .collect(Collectors.toSet());
  }

  private static <S extends Site<?, ?>> Stream<S> ofKind(Class<S> kind, TransformerModel model) {
    return model.sites().filter(kind::isInstance).map(kind::cast);
  }

  private static boolean isKeyOrValue(LinearSite site) {
    return site.role() == Role.KEY || site.role() == Role.VALUE;
  }

  private static String parent(String name) {
    return name.substring(0, name.lastIndexOf('.'));
  }

  /** Reads a module's input. */
  void read(LinearSite site, NDArray x) {
    try (Scope scope = new Scope()) {
      long[] those = readAnswers.contains(site) ? chosenOfAnswers : chosen;
      long[] rows = x.getShape().dimension() < 3 ? null : those;
      NDArray flat =
          rows == null
              ? x.reshape(-1, x.getShape().get(x.getShape().dimension() - 1))
              : ROWS.call(x, x.getManager().create(rows)); // where the layer is
      if (hashing) {
        hashes.put(site, Arrays.hashCode(Tensors.floats(flat)));
      } else if (!hasConverged(site)) {
        PrincipalComponents found = components.get(site);
        if (found != null) {
          found.add(flat);
        }
      }
    }
  }

  private boolean hasConverged(LinearSite leader) {
    PrincipalComponents found = components.get(leader);
    return found == null || found.hasConverged(ranks.getOrDefault(leader, 0), eva.tau());
  }

  /** The rank of each module, once all directions have converged. */
  Map<LinearSite, Integer> explain(
      TransformerModel model, ActiveAdapters probing, List<Batch> all) {
    List<Batch> batches =
        all.stream()
            .filter(batch -> positions(batch).length > 0)
            .filter(batch -> !isTarget(batch) || answers(batch).length > 0)
            .toList();
    if (batches.isEmpty()) {
      throw new IllegalArgumentException(
          "no example has a token that EVA may read: allow longer examples, whose answers are not"
              + " cut off, or set eva_config.use_label_mask to false");
    }
    run(model, probing, batches.get(0));
    hashing = false;
    group();
    for (int i = 0; i < MOST_BATCHES; i++) {
      if (components.keySet().stream().allMatch(this::hasConverged)) {
        return ranks;
      }
      run(model, probing, batches.get(i % batches.size()));
      if (components.values().stream().allMatch(PrincipalComponents::isReady)) {
        ranks = distribution();
      }
    }
    throw new IllegalStateException(
        "EVA's directions do not come to rest in "
            + MOST_BATCHES
            + " batches, or no batch has as many tokens as a module has directions: take larger"
            + " batches, or an eva_config with a smaller tau or rho");
  }

  private void run(TransformerModel model, ActiveAdapters probing, Batch batch) {
    try (ModelCall call = model.newCall();
        Scope scope = new Scope();
        Pass pass = Pass.inference(probing)) {
      chosen = positions(batch);
      chosenOfAnswers = isTarget(batch) ? answers(batch) : null;
      model.hidden(BatchFeed.input(model, batch), pass);
    } finally {
      chosen = null;
      chosenOfAnswers = null;
    }
  }

  private static boolean isTarget(Batch batch) {
    return batch.alignment() == Alignment.TARGET;
  }

  /** Indices into (B · U) of the answers' tokens: those that have a label. */
  private long[] answers(Batch batch) {
    return LongStream.range(0, (long) batch.size() * batch.labels()[0].length)
        .filter(
            i -> {
              int width = batch.labels()[0].length;
              return batch.labels()[(int) i / width][(int) i % width] != eva.labelMaskValue();
            })
        .toArray();
  }

  /** Indices into (B · T) of the tokens that are not padding and, if required, have a label. */
  private long[] positions(Batch batch) {
    boolean labels = eva.useLabelMask() && batch.alignment() == Alignment.TOKEN;
    int width = batch.length();
    return LongStream.range(0, (long) batch.size() * width)
        .filter(
            i -> {
              int b = (int) i / width;
              int t = (int) i % width;
              return batch.attentionMask()[b][t] != 0
                  && (!labels || batch.labels()[b][t] != eva.labelMaskValue());
            })
        .toArray();
  }

  /**
   * Finds the modules that share an input, and starts with the largest possible number of
   * directions.
   */
  private void group() {
    Map<Integer, List<LinearSite>> groups = new LinkedHashMap<>();
    sites.forEach(
        site -> {
          Integer hash = hashes.get(site);
          groups
              .computeIfAbsent(hash == null ? site.hashCode() : hash, h -> new ArrayList<>())
              .add(site);
        });
    Map<LinearSite, Integer> most = new LinkedHashMap<>();
    for (List<LinearSite> group : groups.values()) {
      int directions = group.stream().mapToInt(this::most).max().orElseThrow();
      LinearSite leader = group.get(0);
      if (directions > leader.inFeatures()) {
        throw new IllegalArgumentException(
            "EVA would look for rank · rho = "
                + directions
                + " directions in the inputs of "
                + leader.name()
                + ", which have "
                + leader.inFeatures()
                + "; take a smaller rank or rho");
      }
      components.put(leader, new PrincipalComponents(directions));
      most.put(leader, directions);
      leaders.put(leader, leader);
    }
    for (List<LinearSite> group : groups.values()) {
      for (LinearSite follower : group.subList(1, group.size())) {
        leaders.put(follower, group.get(0));
      }
    }
    ranks = most;
  }

  private int most(LinearSite site) {
    return (int) Math.rint(ranksBefore.of(site.name()) * eva.rho());
  }

  /** The distribution of the total rank to the modules that explain the most variance. */
  private Map<LinearSite, Integer> distribution() {
    record Direction(LinearSite site, double explained) {}
    List<Direction> directions = new ArrayList<>();
    Map<LinearSite, Integer> counts = new LinkedHashMap<>();
    leaders.forEach(
        (site, leader) -> {
          counts.put(site, 0);
          PrincipalComponents found = Objects.requireNonNull(components.get(leader));
          for (double explained : found.explained()) {
            directions.add(new Direction(site, explained));
          }
        });
    directions.sort((x, y) -> Double.compare(y.explained(), x.explained())); // stable
    int budget = sites.stream().mapToInt(site -> ranksBefore.of(site.name())).sum();
    directions
        .subList(0, Math.min(budget, directions.size()))
        .forEach(direction -> counts.merge(direction.site(), 1, Integer::sum));
    leaders.forEach(
        (site, leader) -> {
          int mine = counts.getOrDefault(site, 0);
          int first = counts.getOrDefault(leader, 0);
          counts.put(leader, Math.max(mine, first));
          counts.put(site, site == leader ? Math.max(mine, first) : Math.min(mine, first));
        });
    return counts;
  }

  /** The directions of a module's inputs, (rank, in). */
  float[] directions(LinearSite site, int rank) {
    return Objects.requireNonNull(components.get(leaders.get(site))).directions(rank, eva.whiten());
  }

  @Override
  public void close() {
    components.values().forEach(PrincipalComponents::close);
  }
}
