package io.github.peft4j.data.tokenizer;

import io.github.peft4j.data.tokenizer.SentencePieceFile.Piece;
import io.github.peft4j.data.tokenizer.SpecialTokens.Role;
import io.github.peft4j.data.tokenizer.Tokenizer.Encoding;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * The ids of transformers' MarianTokenizer. One SentencePiece model cuts texts to read, another
 * cuts texts to write. Neither gives ids: those of the pieces are in vocab.json.
 *
 * <p>A text may begin with the code of the language to write, as in {@code >>fra<< Hello}.
 */
final class MarianCodec implements Codec {

  static final String CLASS = "MarianTokenizer";

  private static final Pattern LANGUAGE = Pattern.compile("^>>.*?<<", Pattern.DOTALL);

  /** Cuts texts of one language and gives the ids of the pieces. */
  private record Side(BackendCodec pieces, Map<String, Long> ids) {}

  private final List<Path> files;
  private final Side source;
  private final Side target;
  private final Map<String, Long> added;
  private final @Nullable Pattern addedTokens;
  private final long unknown;
  private final long end;

  private final Map<Long, String> tokens = new HashMap<>();
  private final Set<String> special;
  private final Set<String> known;
  private final Set<String> control;

  /**
   * Reads the files of a folder.
   *
   * @param assembled the vocabulary with its special tokens: see {@link MarianFiles#vocabulary}
   */
  MarianCodec(Path folder, TokenizerSettings settings, AssembledTokenizer assembled) {
    files = MarianFiles.in(folder);
    SpecialTokens roles = assembled.traits().special();
    unknown = roles.id(Role.UNK).orElseThrow();
    end = roles.id(Role.EOS).orElseThrow();
    added = new HashMap<>();
    TokenizerSettings.tokens(assembled.json().part("added_tokens"))
        .forEach(
            (id, token) -> {
              requirePlain(settings, token);
              added.put(token.content(), id);
            });
    special = special(settings);
    settings.added(assembled.json()).forEach((id, token) -> requireId(settings, token, id));
    addedTokens = anyOf(added.keySet());
    boolean separate = settings.flag("separate_vocabs", false);
    Map<String, Long> vocabulary = MarianFiles.ids(folder.resolve(MarianFiles.VOCAB));
    Map<String, Long> written =
        separate ? MarianFiles.ids(folder.resolve(MarianFiles.TARGET_VOCAB)) : vocabulary;
    written.forEach((token, id) -> tokens.put(id, token));
    added.forEach((token, id) -> tokens.put(id, token));
    SentencePieceFile sourceModel = MarianFiles.model(folder.resolve(MarianFiles.SOURCE));
    SentencePieceFile targetModel = MarianFiles.model(folder.resolve(MarianFiles.TARGET));
    SentencePieceFile writing = separate ? targetModel : sourceModel;
    known = texts(writing, piece -> piece.type() != SentencePieceFile.UNKNOWN);
    control = texts(writing, piece -> piece.type() == SentencePieceFile.CONTROL);
    source =
        new Side(MarianFiles.cutter(sourceModel, folder.resolve(MarianFiles.SOURCE)), vocabulary);
    target = new Side(MarianFiles.cutter(targetModel, folder.resolve(MarianFiles.TARGET)), written);
  }

  private static void requirePlain(TokenizerSettings settings, AddedToken token) {
    if (token.singleWord() || token.lstrip() || token.rstrip()) {
      throw settings.error(
          TokenizerSettings.DECODER,
          token.json(),
          "single_word, lstrip and rstrip to be false in a " + CLASS);
    }
  }

  /** Tokens with a role, and extras: added_tokens_decoder does not make a token special. */
  private static Set<String> special(TokenizerSettings settings) {
    Set<String> special = new HashSet<>();
    TokenizerClass type = TokenizerClasses.of(settings, false);
    settings.named(type, Map.of()).values().forEach(token -> special.add(token.content()));
    List<AddedToken> extras = settings.extras();
    if (extras != null) {
      extras.forEach(token -> special.add(token.content()));
    }
    return special;
  }

  private void requireId(TokenizerSettings settings, AddedToken token, long id) {
    long expected = Objects.requireNonNull(added.get(token.content()));
    if (id != expected) {
      throw settings.error(
          TokenizerSettings.DECODER,
          "{\"%d\": %s}".formatted(id, token.json()),
          "the id " + expected + ": that in vocab.json, or the next that is free");
    }
  }

  /** Any of some texts; longer ones win. */
  private static @Nullable Pattern anyOf(Set<String> texts) {
    return texts.isEmpty()
        ? null
        : Pattern.compile(
            texts.stream()
                .sorted(Comparator.comparingInt(String::length).reversed())
                .map(Pattern::quote)
                .collect(Collectors.joining("|")));
  }

  private static Set<String> texts(SentencePieceFile model, Predicate<Piece> which) {
    return model.pieces().stream().filter(which).map(Piece::text).collect(Collectors.toSet());
  }

  @Override
  public long[] ids(String text, boolean specialTokens) {
    List<Long> ids = ids(text, source);
    if (specialTokens) {
      ids.add(end);
    }
    return array(ids);
  }

  private static long[] array(List<Long> ids) {
    return ids.stream().mapToLong(Long::longValue).toArray();
  }

  private List<Long> ids(String text, Side side) {
    List<Long> ids = new ArrayList<>();
    int from = 0;
    if (addedTokens != null) {
      for (Matcher matcher = addedTokens.matcher(text); matcher.find(); from = matcher.end()) {
        cut(text.substring(from, matcher.start()), side, ids);
        ids.add(Objects.requireNonNull(added.get(matcher.group())));
      }
    }
    cut(text.substring(from), side, ids);
    return ids;
  }

  private void cut(String text, Side side, List<Long> ids) {
    Matcher language = LANGUAGE.matcher(text);
    String rest = text;
    if (language.find()) {
      ids.add(side.ids().getOrDefault(language.group(), unknown));
      rest = text.substring(language.end());
    }
    for (String piece : side.pieces().tokens(rest)) {
      ids.add(side.ids().getOrDefault(piece, unknown));
    }
  }

  @Override
  public Encoding encoding(String text, @Nullable String pair) {
    List<Long> ids = ids(text, source);
    int first = ids.size();
    if (pair != null) {
      ids.addAll(ids(pair, source));
    }
    return ended(ids, first);
  }

  @Override
  public AlignedEncoding aligned(String text, @Nullable String pair) {
    throw noPlaces();
  }

  @Override
  public AlignedEncoding bareAligned(String text) {
    throw noPlaces();
  }

  @Override
  public AlignedEncoding aligned(List<String> words) {
    throw noPlaces();
  }

  /** As in transformers, where this is a "slow" tokenizer. */
  private static UnsupportedOperationException noPlaces() {
    return new UnsupportedOperationException(
        "a " + CLASS + " does not say where its tokens stand in a text; words and spans need that");
  }

  @Override
  public Encoding targetEncoding(String text) {
    List<Long> ids = ids(text, target);
    return ended(ids, ids.size());
  }

  private Encoding ended(List<Long> ids, int first) {
    int texts = ids.size();
    ids.add(end);
    return new Encoding(
        array(ids),
        new long[texts + 1],
        LongStream.rangeClosed(0, texts).map(i -> i < first ? 0 : 1).toArray(),
        LongStream.rangeClosed(0, texts).map(i -> i < texts ? 0 : 1).toArray());
  }

  @Override
  public String decode(long[] ids, boolean skipSpecialTokens) {
    StringBuilder text = new StringBuilder();
    boolean start = true;
    for (long id : ids) {
      String token = tokens.getOrDefault(id, "");
      if (!special.contains(token)) {
        String piece = text(token, start);
        start &= piece.isEmpty() && !token.equals("▁");
        text.append(piece);
      } else if (!skipSpecialTokens) {
        text.append(token).append(' ');
        start = true;
      }
    }
    return text.toString().replace('▁', ' ').strip();
  }

  /** SentencePiece's text of a piece: the mark before the first word is not a space. */
  private String text(String piece, boolean start) {
    if (control.contains(piece)) {
      return "";
    }
    return start && piece.startsWith("▁") && known.contains(piece) ? piece.substring(1) : piece;
  }

  @Override
  public List<Path> files() {
    return files;
  }

  @Override
  public void close() {
    source.pieces().close();
    target.pieces().close();
  }
}
