package io.github.peft4j.generate;

import io.github.peft4j.generate.logits.Draft;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The beams of one prompt and its finished texts. The arithmetic is that of Hugging Face
 * transformers' {@code _beam_search}, in float32, so that the same texts win.
 */
final class Beams {

  /** What takes the place of minus infinity in transformers. */
  private static final float LOWEST = -1e9f;

  private final int width;
  private final int returned;
  private final double lengthPenalty;
  private final EarlyStopping early;
  private final Endings endings;
  private final Texts texts;
  private List<Candidate> running;
  private List<Candidate> finished = List.of();
  private boolean open = true;

  Beams(Draft begun, GenerationConfig config, Endings endings, Texts texts) {
    this.width = config.get(Setting.NUM_BEAMS);
    this.returned = config.get(Setting.NUM_RETURN_SEQUENCES);
    this.lengthPenalty = config.get(Setting.LENGTH_PENALTY);
    this.early = config.get(Setting.EARLY_STOPPING);
    this.endings = endings;
    this.texts = texts;
    this.running = // equal beams: only the first one counts in the first step
        IntStream.range(0, width)
            .mapToObj(beam -> new Candidate(begun, beam, beam == 0 ? 0 : LOWEST, null))
            .toList();
  }

  boolean isOpen() {
    return open;
  }

  /** The texts in progress, the best first. */
  List<Candidate> running() {
    return running;
  }

  List<Draft> drafts() {
    return running.stream().map(Candidate::draft).toList();
  }

  /** The best finished texts. */
  List<Candidate> best() {
    if (finished.size() < returned) {
      throw TokenChooser.noToken();
    }
    return finished.subList(0, returned);
  }

  /**
   * A text with one more token.
   *
   * @param score the sum of its log-probabilities
   * @param room the number of positions that the model has left for it
   */
  Candidate candidate(int beam, long token, float score, long room) {
    if (Float.isNaN(score)) {
      throw TokenChooser.noToken();
    }
    Draft draft = running.get(beam).draft().append(token);
    FinishReason reason = endings.of(draft, room, () -> texts.endsAtStopString(draft));
    return new Candidate(draft, beam, score, reason);
  }

  /** Takes a step. */
  void advance(List<Candidate> candidates) {
    running =
        sorted(
            candidates.stream()
                .map(text -> text.isFinished() ? text.withScore(text.score() + LOWEST) : text));
    finish(candidates.subList(0, Math.min(width, candidates.size())));
    boolean full = finished.size() == width;
    boolean done = full && (early == EarlyStopping.TRUE || !canImprove());
    open = !done && !candidates.stream().allMatch(Candidate::isFinished);
  }

  /** Keeps the rows of a finished search as they are. */
  void rest() {
    running =
        IntStream.range(0, width)
            .mapToObj(
                beam ->
                    new Candidate(running.get(beam).draft(), beam, running.get(beam).score(), null))
            .toList();
  }

  /** Puts those of the best candidates that are finished among the finished texts. */
  private void finish(List<Candidate> best) {
    Stream<Candidate> ended =
        best.stream()
            .filter(Candidate::isFinished)
            .map(text -> text.withScore(text.score() / power(text.draft().newTokens())))
            .filter(text -> text.score() > LOWEST);
    finished = sorted(Stream.concat(finished.stream(), ended));
  }

  /** The best ones, as many as there are beams. Of equal ones, the first come first. */
  private List<Candidate> sorted(Stream<Candidate> texts) {
    List<Candidate> all = new ArrayList<>(texts.toList());
    all.sort(Comparator.comparing(Candidate::score, (a, b) -> Float.compare(b, a)));
    return List.copyOf(all.subList(0, Math.min(width, all.size())));
  }

  /** Whether the best text in progress may still become better than the worst finished one. */
  private boolean canImprove() {
    Draft draft = running.get(0).draft();
    int length =
        early == EarlyStopping.NEVER && lengthPenalty > 0
            ? endings.limits().maxNewTokens(draft)
            : draft.newTokens();
    return running.get(0).score() / power(length) > finished.get(width - 1).score();
  }

  private float power(int length) {
    return (float) Math.pow(length, lengthPenalty);
  }
}
