package io.github.peft4j.generate.logits;

import io.github.peft4j.kernel.Kernel;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** The processors of Hugging Face transformers. Each setting of a generation has one of them. */
public final class Processors {

  private static final Kernel NORMALIZE =
      Kernel.of(
          """
          def normalize(logits: Tensor) -> Tensor:
              return torch.log_softmax(logits, -1)
          """);

  private Processors() {}

  /**
   * Makes tokens less likely that the text has already: those of a decoder's prompt, and new ones.
   *
   * @param penalty above 0; logits above 0 are divided by it, others multiplied; 1 changes nothing
   */
  public static LogitsProcessor repetitionPenalty(double penalty) {
    return new Penalty(draft -> LongStream.of(draft.ids()), penalty);
  }

  /**
   * Makes the prompt's tokens more likely.
   *
   * @param penalty above 0; logits above 0 are multiplied by it, others divided; 1 changes nothing
   */
  public static LogitsProcessor encoderRepetitionPenalty(double penalty) {
    return new Penalty(draft -> LongStream.of(draft.prompt()), 1 / penalty);
  }

  /**
   * Lets no sequence of n tokens occur twice in what the decoder reads.
   *
   * @param n above 0
   */
  public static LogitsProcessor noRepeatNgrams(int n) {
    return LogitsProcessor.banning(draft -> completions(draft.ids(), draft.ids(), n));
  }

  /**
   * Lets no sequence of n tokens of the prompt occur in what the decoder reads.
   *
   * @param n above 0
   */
  public static LogitsProcessor encoderNoRepeatNgrams(int n) {
    return LogitsProcessor.banning(draft -> completions(draft.prompt(), draft.ids(), n));
  }

  /** The tokens that would make the last n - 1 ids an n-gram of the history. */
  private static LongStream completions(long[] history, long[] ids, int n) {
    int last = ids.length - (n - 1);
    return last < 0
        ? LongStream.empty()
        : IntStream.rangeClosed(0, history.length - n)
            .filter(i -> Arrays.equals(history, i, i + n - 1, ids, last, ids.length))
            .mapToLong(i -> history[i + n - 1]);
  }

  /**
   * Lets these sequences of tokens not occur: their last token is banned where the others stand.
   *
   * @param words at least one id each; one that the model lacks is an error, as in transformers
   */
  public static LogitsProcessor badWords(List<List<Long>> words) {
    LogitsProcessor banning =
        LogitsProcessor.banning(
            draft -> {
              long[] ids = draft.ids();
              return words.stream()
                  .filter(word -> endsWith(ids, word.subList(0, word.size() - 1)))
                  .mapToLong(word -> word.get(word.size() - 1));
            });
    return (drafts, logits) -> {
      long vocabulary = logits.getShape().get(1);
      if (words.stream().flatMap(List::stream).anyMatch(id -> id >= vocabulary)) {
        throw new IllegalArgumentException(
            "badWordsIds is %s; expected ids from 0 to %d, which the model has"
                .formatted(words, vocabulary - 1));
      }
      return banning.process(drafts, logits);
    };
  }

  private static boolean endsWith(long[] ids, List<Long> end) {
    int start = ids.length - end.size();
    return start >= 0 && IntStream.range(0, end.size()).allMatch(i -> ids[start + i] == end.get(i));
  }

  /** Bans tokens where a text meets a condition. */
  public static LogitsProcessor suppress(Collection<Long> tokens, Predicate<Draft> when) {
    long[] ids = tokens.stream().mapToLong(Long::longValue).toArray();
    return LogitsProcessor.banning(
        draft -> when.test(draft) ? LongStream.of(ids) : LongStream.empty());
  }

  /**
   * Where a text meets a condition, only some tokens can come next, all with the logit 0.
   *
   * @param setting the name of the tokens in errors
   */
  public static LogitsProcessor force(String setting, List<Long> tokens, Predicate<Draft> when) {
    return new Forced(setting, tokens, when);
  }

  /** Turns logits into logarithms of probabilities. */
  public static LogitsProcessor normalization() {
    return (drafts, logits) -> NORMALIZE.call(logits);
  }

  /** Several processors, one after the other. */
  public static LogitsProcessor chain(List<LogitsProcessor> processors) {
    return new Chain(processors);
  }
}
