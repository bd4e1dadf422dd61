package io.github.peft4j.translate;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Set;

/**
 * Makes entities of tokens with probabilities, as transformers' TokenClassificationPipeline does.
 *
 * @param labels the tags by class
 * @param ignored tags and types that are no entities
 */
record EntityFinder(
    String text, List<String> labels, Aggregation aggregation, Set<String> ignored) {

  /**
   * A token or a word, with the probability of each class.
   *
   * @param continues whether it continues the word of the token before it
   */
  record Piece(double[] scores, int start, int end, boolean continues) {

    private int best() {
      int best = 0;
      for (int k = 1; k < scores.length; k++) {
        best = scores[k] > scores[best] ? k : best;
      }
      return best;
    }

    private double score() {
      return scores[best()];
    }
  }

  /** The entities of one window. */
  List<Entity> find(List<Piece> tokens) {
    boolean byWord = aggregation.compareTo(Aggregation.SIMPLE) > 0;
    List<Entity> tagged = (byWord ? words(tokens) : tokens).stream().map(this::tagged).toList();
    return (aggregation == Aggregation.NONE ? tagged : grouped(tagged))
        .stream().filter(entity -> !ignored.contains(entity.type())).toList();
  }

  private Entity tagged(Piece piece) {
    return entity(labels.get(piece.best()), piece.score(), piece.start(), piece.end());
  }

  private Entity entity(String type, double score, int start, int end) {
    return new Entity(type, score, text.substring(start, end), start, end);
  }

  private List<Piece> words(List<Piece> tokens) {
    List<Piece> words = new ArrayList<>();
    int first = 0;
    for (int i = 1; i <= tokens.size(); i++) {
      if (i == tokens.size() || !tokens.get(i).continues()) {
        words.add(word(tokens.subList(first, i)));
        first = i;
      }
    }
    return tokens.isEmpty() ? List.of() : words;
  }

  private Piece word(List<Piece> tokens) {
    double[] scores =
        switch (aggregation) {
          case AVERAGE -> mean(tokens);
          case MAX -> surest(tokens).scores();
          case FIRST, NONE, SIMPLE -> tokens.get(0).scores();
        };
    int end = tokens.get(tokens.size() - 1).end();
    return new Piece(scores, tokens.get(0).start(), end, false);
  }

  private static double[] mean(List<Piece> tokens) {
    double[] mean = new double[tokens.get(0).scores().length];
    Arrays.setAll(
        mean, k -> tokens.stream().mapToDouble(token -> token.scores()[k]).average().orElseThrow());
    return mean;
  }

  /** The first of those with the largest probability. */
  private static Piece surest(List<Piece> tokens) {
    Piece surest = tokens.get(0);
    for (Piece token : tokens) {
      surest = token.score() > surest.score() ? token : surest;
    }
    return surest;
  }

  private List<Entity> grouped(List<Entity> tagged) {
    List<Entity> groups = new ArrayList<>();
    int first = 0;
    for (int i = 1; i <= tagged.size(); i++) {
      if (i == tagged.size() || !continues(tagged.get(i - 1), tagged.get(i))) {
        groups.add(joined(tagged.subList(first, i)));
        first = i;
      }
    }
    return tagged.isEmpty() ? List.of() : groups;
  }

  private static boolean continues(Entity before, Entity next) {
    return !next.type().startsWith("B-") && type(next.type()).equals(type(before.type()));
  }

  private static String type(String tag) {
    return tag.startsWith("B-") || tag.startsWith("I-") ? tag.substring(2) : tag;
  }

  private Entity joined(List<Entity> tagged) {
    Entity first = tagged.get(0);
    int dash = first.type().indexOf('-');
    return entity(
        first.type().substring(dash + 1),
        tagged.stream().mapToDouble(Entity::score).average().orElseThrow(),
        first.start(),
        tagged.get(tagged.size() - 1).end());
  }

  /** Of entities of several windows that overlap, the longest stays, or else the surest. */
  static List<Entity> withoutOverlaps(List<Entity> entities) {
    List<Entity> sorted = entities.stream().sorted(Comparator.comparingInt(Entity::start)).toList();
    List<Entity> kept = new ArrayList<>();
    for (Entity entity : sorted) {
      Entity last = kept.isEmpty() ? null : kept.get(kept.size() - 1);
      if (last == null || entity.start() >= last.end()) {
        kept.add(entity);
      } else if (isBetter(entity, last)) {
        kept.set(kept.size() - 1, entity);
      }
    }
    return kept;
  }

  private static boolean isBetter(Entity entity, Entity other) {
    int longer = entity.text().length() - other.text().length();
    return longer > 0 || (longer == 0 && entity.score() > other.score());
  }
}
