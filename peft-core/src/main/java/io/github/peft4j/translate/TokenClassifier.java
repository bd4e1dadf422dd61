package io.github.peft4j.translate;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.tokenizer.AlignedEncoding;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.data.tokenizer.Truncation;
import io.github.peft4j.data.tokenizer.Windows;
import io.github.peft4j.transformer.AdaptedModel;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.config.Task;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Finds entities in texts, and tags words. A text that is longer than the model's positions is read
 * in windows that overlap; nothing is cut.
 *
 * <pre>{@code
 * List<Entity> names = model.entities("Angela Merkel lives in Berlin.");
 * List<String> tags = model.tagWords(List.of("Angela", "Merkel", "lives", "in", "Berlin", "."));
 * List<Entity> others = model.tagger().aggregation(Aggregation.AVERAGE).entities(text);
 * }</pre>
 *
 * <p>A tagger has no state; several threads may use one.
 */
public final class TokenClassifier {

  private static final String OUTSIDE = "O";
  private static final int STRIDE = 64;

  private final TextRunner runner;
  private final Tokenizer tokenizer;
  private final List<String> labels;
  private final Settings settings;

  private record Settings(Aggregation aggregation, Set<String> ignored, int stride) {}

  /** A text or a list of words as rows of a batch, each with the positions of its tokens. */
  private record Rows(AlignedEncoding whole, List<int[]> windows) {

    private List<EncodedExample> examples() {
      return windows.stream()
          .map(
              kept ->
                  EncodedExample.unlabelled(
                      Truncation.pick(whole.encoding().ids(), kept),
                      Truncation.pick(whole.encoding().typeIds(), kept)))
          .toList();
    }
  }

  /**
   * Creates a tagger. Where the tokenizer marks tokens within words, as {@code ##ing}, words have
   * the tag of their first token ({@link Aggregation#FIRST}), which is the token that has a label
   * in training; otherwise tokens are joined as they are ({@link Aggregation#SIMPLE}).
   *
   * @param adapted a model for token classification, and its adapters
   * @param tokenizer the model's tokenizer
   * @throws IllegalArgumentException if the model is for another task
   */
  public TokenClassifier(AdaptedModel adapted, Tokenizer tokenizer) {
    this(
        new TextRunner(adapted, tokenizer),
        tokenizer,
        new Settings(
            tokenizer.marksContinuations() ? Aggregation.FIRST : Aggregation.SIMPLE,
            Set.of(OUTSIDE),
            STRIDE));
  }

  private TokenClassifier(TextRunner runner, Tokenizer tokenizer, Settings settings) {
    runner.require(
        Task.Type.TOKEN_CLS, "tags no tokens", "Task.tokenClassification(List.of(\"O\", …))");
    this.runner = runner;
    this.tokenizer = tokenizer;
    this.labels = runner.adapted().base().task().labels();
    this.settings = settings;
  }

  /** A tagger that makes entities of tags in another way. */
  public TokenClassifier aggregation(Aggregation aggregation) {
    return with(new Settings(aggregation, settings.ignored(), settings.stride()));
  }

  /** A tagger to which tokens of these tags, or entities of these types, are none; by default O. */
  public TokenClassifier ignoring(String... tags) {
    return with(new Settings(settings.aggregation(), Set.of(tags), settings.stride()));
  }

  /**
   * A tagger whose windows overlap by another number of tokens.
   *
   * @param stride 0 or more; 64 by default, or half of a window if that is less
   */
  public TokenClassifier stride(int stride) {
    return with(new Settings(settings.aggregation(), settings.ignored(), stride));
  }

  private TokenClassifier with(Settings changed) {
    return new TokenClassifier(runner, tokenizer, changed);
  }

  /** The tags, by id. */
  public List<String> labels() {
    return labels;
  }

  /**
   * The entities of a text, in their order. As in transformers' pipeline, of entities of two
   * windows that overlap the longer one stays.
   *
   * @throws IllegalStateException if parallel adapters are active, each of which gives an answer
   */
  public List<Entity> entities(String text) {
    return entities(List.of(text)).get(0);
  }

  /**
   * The entities of several texts.
   *
   * @return those of each text, in the order of the texts
   * @throws IllegalStateException if parallel adapters are active, each of which gives an answer
   */
  public List<List<Entity>> entities(List<String> texts) {
    try (ModelCall call = runner.newCall()) {
      List<Rows> rows =
          texts.stream().map(text -> rows(tokenizer.aligned(text, null), call)).toList();
      List<List<float[][]>> logits = logits(rows, call);
      return IntStream.range(0, texts.size())
          .mapToObj(i -> entities(texts.get(i), rows.get(i), logits.get(i)))
          .toList();
    }
  }

  private List<Entity> entities(String text, Rows rows, List<float[][]> logits) {
    EntityFinder finder =
        new EntityFinder(text, labels, settings.aggregation(), settings.ignored());
    List<Entity> all = new ArrayList<>();
    for (int i = 0; i < logits.size(); i++) {
      all.addAll(finder.find(pieces(text, rows.whole(), rows.windows().get(i), logits.get(i))));
    }
    return logits.size() < 2 ? all : EntityFinder.withoutOverlaps(all);
  }

  private List<EntityFinder.Piece> pieces(
      String text, AlignedEncoding whole, int[] window, float[][] logits) {
    List<EntityFinder.Piece> pieces = new ArrayList<>();
    for (int i = 0; i < window.length; i++) {
      int token = window[i];
      if (!whole.isSpecial(token)) {
        pieces.add(
            new EntityFinder.Piece(
                softmax(logits[i]),
                whole.starts()[token],
                whole.ends()[token],
                continuesWord(text, whole, token)));
      }
    }
    return pieces;
  }

  /** The pipeline's rule, which is a guess for tokenizers that do not mark tokens within words. */
  private boolean continuesWord(String text, AlignedEncoding whole, int token) {
    int start = whole.starts()[token];
    int end = whole.ends()[token];
    if (tokenizer.unknownId().equals(OptionalLong.of(whole.encoding().ids()[token]))) {
      return false;
    }
    if (tokenizer.marksContinuations()) {
      String vocabulary = whole.tokens()[token];
      return vocabulary.codePointCount(0, vocabulary.length()) != text.codePointCount(start, end);
    }
    return start > 0
        && text.charAt(start - 1) != ' '
        && (start == text.length() || text.charAt(start) != ' ');
  }

  /**
   * The tag of each word. A word has the tag of its first token, which is the one that has a label
   * in training. If a list of words takes several windows, it is the tag in the window that shows
   * most around the word.
   *
   * @param words the words, as in training
   * @return a tag for each word
   * @throws IllegalStateException if parallel adapters are active, each of which gives an answer
   */
  public List<String> tag(List<String> words) {
    return tagAll(List.of(words)).get(0);
  }

  /**
   * The tags of the words of several texts, as {@link #tag} gives them.
   *
   * @param texts a list of words for each text
   * @return a tag for each word of each text
   */
  public List<List<String>> tagAll(List<List<String>> texts) {
    try (ModelCall call = runner.newCall()) {
      List<Rows> rows = texts.stream().map(words -> rows(tokenizer.aligned(words), call)).toList();
      List<List<float[][]>> logits = logits(rows, call);
      return IntStream.range(0, texts.size())
          .mapToObj(i -> tags(texts.get(i), rows.get(i), logits.get(i)))
          .toList();
    }
  }

  private List<String> tags(List<String> words, Rows rows, List<float[][]> logits) {
    String[] tags = new String[words.size()];
    int[] context = new int[words.size()];
    Arrays.fill(context, -1);
    for (int w = 0; w < logits.size(); w++) {
      int[] window = rows.windows().get(w);
      int before = -1;
      for (int i = 0; i < window.length; i++) {
        int word = rows.whole().words()[window[i]];
        int around = Math.min(i, window.length - 1 - i);
        if (word >= 0
            && word != before
            && isFirst(rows.whole(), window[i])
            && around > context[word]) {
          tags[word] = labels.get(best(logits.get(w)[i]));
          context[word] = around;
        }
        before = word;
      }
    }
    for (int i = 0; i < tags.length; i++) {
      if (context[i] < 0) {
        tags[i] = withoutToken(words.get(i), i);
      }
    }
    return List.of(tags);
  }

  private static boolean isFirst(AlignedEncoding whole, int token) {
    return token == 0 || whole.words()[token - 1] != whole.words()[token];
  }

  private String withoutToken(String word, int index) {
    if (!labels.contains(OUTSIDE)) {
      throw new DataException(
          "word %d ('%s') has no token, and the model no tag '%s' for it; leave it out"
              .formatted(index, word, OUTSIDE));
    }
    return OUTSIDE;
  }

  private Rows rows(AlignedEncoding whole, ModelCall call) {
    int room = Math.toIntExact(call.room());
    if (whole.length() == 0) {
      return new Rows(whole, List.of());
    }
    int stride = settings.stride() == STRIDE ? Math.min(STRIDE, room / 2) : settings.stride();
    return new Rows(whole, Windows.of(whole, 0, room, stride));
  }

  private List<List<float[][]>> logits(List<Rows> texts, ModelCall call) {
    TextRunner.requireOneAnswer(call, "");
    List<EncodedExample> rows = texts.stream().flatMap(t -> t.examples().stream()).toList();
    TextRunner.requireOneWindowEach(call, texts.size(), rows.size());
    List<float[][]> logits = runner.tokenLogits(rows, call);
    List<List<float[][]>> byText = new ArrayList<>();
    int start = 0;
    for (Rows text : texts) {
      byText.add(logits.subList(start, start + text.windows().size()));
      start += text.windows().size();
    }
    return byText;
  }

  private static int best(float[] logits) {
    int best = 0;
    for (int k = 1; k < logits.length; k++) {
      best = logits[k] > logits[best] ? k : best;
    }
    return best;
  }

  private static double[] softmax(float[] logits) {
    double max = IntStream.range(0, logits.length).mapToDouble(k -> logits[k]).max().orElse(0);
    double[] exp = new double[logits.length];
    Arrays.setAll(exp, k -> Math.exp(logits[k] - max));
    double sum = Arrays.stream(exp).sum();
    Arrays.setAll(exp, k -> exp[k] / sum);
    return exp;
  }
}
