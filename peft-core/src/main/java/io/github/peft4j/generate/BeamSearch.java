package io.github.peft4j.generate;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.generate.logits.Draft;
import io.github.peft4j.kernel.Kernel;
import java.time.Duration;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.IntToLongFunction;
import java.util.stream.IntStream;

/**
 * Beam search, as in Hugging Face transformers: for each prompt, the best texts so far are
 * continued by the tokens that make the likeliest texts. A prompt is read in one row; the first
 * tokens make a row for each beam of it.
 */
final class BeamSearch implements DecodingStrategy {

  /** In float32, whatever the model's precision. */
  private static final Kernel LOG_SOFTMAX =
      Kernel.of(
          """
          def log_softmax(logits: Tensor) -> Tensor:
              return torch.log_softmax(logits.to(6), -1)
          """);

  /** The scores (P, beams · V) of texts with one more token. */
  private static final Kernel SUM =
      Kernel.of(
          """
          def sum(next: Tensor, beams: Tensor) -> Tensor:        # (P · w, V), w 1 or beams; (P, beams)
              prompts = torch.size(beams, 0)
              tokens = torch.reshape(next, [prompts, -1, torch.size(next, 1)])
              return torch.reshape(torch.add(tokens, torch.unsqueeze(beams, 2)), [prompts, -1])
          """);

  private final List<Beams> prompts;
  private final int width;
  private final int candidates;
  private final Texts texts;
  private boolean begun;

  /**
   * A beam search.
   *
   * @param candidates the number of continuations that are looked at for each prompt
   */
  BeamSearch(List<Beams> prompts, int width, int candidates, Texts texts) {
    this.prompts = prompts;
    this.width = width;
    this.candidates = candidates;
    this.texts = texts;
  }

  @Override
  public boolean isOpen() {
    return prompts.stream().anyMatch(Beams::isOpen);
  }

  @Override
  public List<Draft> drafts() {
    return prompts.stream()
        .flatMap(beams -> beams.drafts().stream().limit(begun ? width : 1))
        .toList();
  }

  @Override
  public NDArray scores(NDArray logits) {
    return LOG_SOFTMAX.call(logits);
  }

  @Override
  public Choice choose(
      NDArray scores, IntToLongFunction room, BiConsumer<long[], boolean[]> known) {
    long vocabulary = scores.getShape().get(1);
    Best best = Best.of(SUM.call(scores, beamScores(scores)), candidates);
    int[] rows = new int[prompts.size() * width];
    long[] tokens = new long[rows.length];
    boolean[] open = new boolean[rows.length];
    for (int p = 0; p < prompts.size(); p++) {
      Beams beams = prompts.get(p);
      int prompt = p;
      int first = begun ? p * width : p;
      if (beams.isOpen()) {
        List<Candidate> next =
            IntStream.range(0, best.size())
                .mapToObj(
                    rank -> {
                      int beam = (int) (best.place(prompt, rank) / vocabulary);
                      long token = best.place(prompt, rank) % vocabulary;
                      long left = room.applyAsLong(begun ? first + beam : first);
                      return beams.candidate(beam, token, best.score(prompt, rank), left);
                    })
                .toList();
        beams.advance(next);
      } else {
        beams.rest();
      }
      for (int i = 0; i < width; i++) {
        Candidate running = beams.running().get(i);
        rows[p * width + i] = begun ? first + running.beam() : first;
        tokens[p * width + i] = running.draft().last();
        open[p * width + i] = beams.isOpen();
      }
    }
    begun = true;
    return new Choice(rows, tokens, open);
  }

  private NDArray beamScores(NDArray like) {
    float[] scores = new float[prompts.size() * width];
    for (int p = 0; p < prompts.size(); p++) {
      for (int i = 0; i < width; i++) {
        scores[p * width + i] = prompts.get(p).running().get(i).score();
      }
    }
    return like.getManager().create(scores, new Shape(prompts.size(), width));
  }

  @Override
  public List<Generation> texts(Duration time) {
    return prompts.stream()
        .flatMap(beams -> beams.best().stream())
        .map(text -> texts.generation(text.draft(), text.endedBy(), time))
        .toList();
  }
}
