package io.github.peft4j.data.tokenizer;

import com.google.gson.JsonObject;
import io.github.peft4j.advice.Remedy;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Quote;
import io.github.peft4j.data.batch.Collator;
import io.github.peft4j.data.batch.Encoder;
import io.github.peft4j.data.tokenizer.AssembledTokenizer.Origin;
import io.github.peft4j.data.tokenizer.SpecialTokens.Role;
import io.github.peft4j.io.FileGroup;
import io.github.peft4j.io.ForeignFiles;
import io.github.peft4j.io.JsonFile;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Function;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Turns text into token ids and back, with the ids of transformers' {@code AutoTokenizer}.
 *
 * <p>transformers 5 builds most tokenizers of the vocabulary in {@code tokenizer.json} and of
 * fields of {@code tokenizer_config.json}, by their class: {@code tokenizer_class}, or that of the
 * model's type. So does this class; other classes use {@code tokenizer.json} as it is. Without that
 * file, {@code vocab.txt}, {@code vocab.json} with {@code merges.txt} and SentencePiece models are
 * read. A folder of Marian has two SentencePiece models and a vocabulary.
 *
 * <p>It never truncates or pads, even if the {@code tokenizer.json} asks for it: the {@link
 * Encoder} truncates, and the {@link Collator} pads.
 *
 * <p>The special tokens are taken, in this order, from {@code special_tokens_map.json} (unless
 * {@code tokenizer_config.json} has {@code added_tokens_decoder}), {@code tokenizer_config.json}
 * and the defaults of the class, then {@code config.json}, then the padding in {@code
 * tokenizer.json}, then customary names such as {@code [PAD]} among its added tokens.
 *
 * <p>Safe for use by many threads. {@link #close} waits for the calls in progress.
 */
public final class Tokenizer implements AutoCloseable {

  static {
    // DJL reports its use to AWS by default. That is for the application to decide.
    if (System.getProperty("OPT_OUT_TRACKING") == null) {
      System.setProperty("OPT_OUT_TRACKING", "true");
    }
  }

  /**
   * The fields of DJL's {@code Encoding} that peft4j needs. DJL's also has the text and offsets of
   * every token, which take as long to fetch as the tokenizing itself.
   */
  @SuppressWarnings("ArrayRecordComponent") // The arrays are read once; nobody compares them.
  public record Encoding(long[] ids, long[] typeIds, long[] sequenceIds, long[] specialTokenMask) {}

  private static final Logger LOG = LoggerFactory.getLogger(Tokenizer.class);
  private static final String TOKENIZER = "tokenizer.json";

  private final TokenizerSettings settings;
  private final Origin origin;
  private final String source;
  private final @Nullable Path folder;
  private final @Nullable Path file;
  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private Codec codec;
  private final Object forWordsLock = new Object();
  private @Nullable Codec forWords;
  private volatile AssembledTokenizer.Traits traits;
  private volatile byte @Nullable [] json;
  private final AtomicBoolean saidOnce = new AtomicBoolean();
  private volatile boolean changed;
  private boolean closed;
  private volatile int known = Integer.MAX_VALUE;

  private Tokenizer(TokenizerJson json, TokenizerSettings settings, Origin origin, String source) {
    this(json, settings, origin, source, null, null, false);
  }

  private Tokenizer(
      TokenizerJson json,
      TokenizerSettings settings,
      Origin origin,
      @Nullable Path folder,
      @Nullable Path file,
      boolean marian) {
    this(
        json,
        settings,
        origin,
        String.valueOf(file != null ? file : folder != null ? folder : TOKENIZER),
        folder,
        file,
        marian);
  }

  private Tokenizer(
      TokenizerJson json,
      TokenizerSettings settings,
      Origin origin,
      String source,
      @Nullable Path folder,
      @Nullable Path file,
      boolean marian) {
    this.source = source;
    AssembledTokenizer assembled = AssembledTokenizer.of(json, settings, origin, source);
    this.settings = settings;
    this.origin = origin;
    this.folder = folder;
    this.file = file;
    this.traits = assembled.traits();
    this.codec =
        marian
            ? new MarianCodec(Objects.requireNonNull(folder), settings, assembled)
            : backend(assembled, settings, source);
    byte[] kept = origin == Origin.VOCABULARY ? assembled.json().bytes() : json.bytes();
    this.json = file == null ? kept : null; // a file is read again for json()
  }

  private static Codec backend(
      AssembledTokenizer assembled, TokenizerSettings settings, String source) {
    return new BackendCodec(assembled.json(), source, assembled.targetLanguage(settings));
  }

  /**
   * Loads the tokenizer of a model.
   *
   * @param path the model's folder, or a {@code tokenizer.json} in it
   * @return the tokenizer
   */
  public static Tokenizer load(String path) {
    return load(Path.of(path));
  }

  /**
   * Loads the tokenizer of a model.
   *
   * @param path the model's folder, or a {@code tokenizer.json} in it
   * @return the tokenizer
   */
  public static Tokenizer load(Path path) {
    Path file = Files.isDirectory(path) ? path.resolve(TOKENIZER) : path;
    Path folder = file.toAbsolutePath().getParent();
    if (Files.isDirectory(path) && MarianFiles.areIn(path)) {
      TokenizerSettings settings = TokenizerSettings.read(folder);
      if (TokenizerClasses.of(settings, false).name().equals(MarianCodec.CLASS)) {
        return new Tokenizer(
            MarianFiles.vocabulary(path), settings, Origin.VOCABULARY, folder, null, true);
      }
    }
    if (!Files.isRegularFile(file)) {
      return ofVocabulary(file, folder);
    }
    try {
      byte[] json = Files.readAllBytes(file);
      requireContent(file, json);
      return new Tokenizer(
          TokenizerJson.read(json, file.toString()),
          TokenizerSettings.read(folder),
          Origin.TOKENIZER_JSON,
          folder,
          file,
          false);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file + ": " + e, e);
    }
  }

  private static Tokenizer ofVocabulary(Path file, @Nullable Path folder) {
    if (folder == null || !VocabularyFiles.areIn(folder)) {
      throw new DataException(
          file
              + " does not exist. If the model has other vocabulary files, write one with Python:"
              + " AutoTokenizer.from_pretrained(folder).save_pretrained(folder)");
    }
    TokenizerSettings settings = TokenizerSettings.read(folder);
    TokenizerClass type = TokenizerClasses.of(settings, false);
    TokenizerJson json = VocabularyFiles.read(folder, type, settings);
    return new Tokenizer(json, settings, Origin.VOCABULARY, folder, null, false);
  }

  /**
   * Whether a folder has the files of a tokenizer: tokenizer.json, vocab.txt, vocab.json with
   * merges.txt, or a SentencePiece model.
   *
   * @param folder the folder
   * @return whether {@link #load(Path)} finds something to load
   */
  public static boolean isIn(Path folder) {
    return Files.isRegularFile(folder.resolve(TOKENIZER)) || VocabularyFiles.areIn(folder);
  }

  private static void requireContent(Path file, byte... json) {
    String begin = new String(json, 0, Math.min(json.length, 64), StandardCharsets.UTF_8);
    if (json.length == 0 || ForeignFiles.isLfsPointer(begin)) {
      throw new DataException(
          json.length == 0 ? file + " is empty: fetch it again" : ForeignFiles.lfsPointer(file));
    }
  }

  /**
   * Loads a tokenizer from a stream, such as a resource on the class path.
   *
   * @param tokenizerJson the content of a {@code tokenizer.json}; read to its end, not closed
   * @return the tokenizer
   */
  public static Tokenizer load(InputStream tokenizerJson) {
    try {
      byte[] json = tokenizerJson.readAllBytes();
      return new Tokenizer(
          TokenizerJson.read(json, TOKENIZER),
          TokenizerSettings.read(null),
          Origin.TOKENIZER_JSON,
          TOKENIZER);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read tokenizer.json: " + e, e);
    }
  }

  /**
   * Builds a tokenizer that is in no folder, such as one out of a GGUF file.
   *
   * @param tokenizerJson the content of a tokenizer.json
   * @param config the content of a tokenizer_config.json; may be empty
   * @param source where they come from, for errors
   * @return the tokenizer
   */
  public static Tokenizer of(byte[] tokenizerJson, JsonObject config, String source) {
    return new Tokenizer(
        TokenizerJson.read(tokenizerJson, source),
        TokenizerSettings.of(config),
        Origin.TOKENIZER_JSON,
        source);
  }

  /**
   * The folder that it was loaded from.
   *
   * @return the folder, or nothing if it came from a stream or a GGUF file
   */
  public Optional<Path> folder() {
    return Optional.ofNullable(folder);
  }

  /** Where it comes from: a file, a folder or another name, for errors. */
  public String source() {
    return source;
  }

  /**
   * The content of the tokenizer_config.json that it was loaded with.
   *
   * @return a copy; empty if there is none
   */
  public JsonObject config() {
    return settings.file();
  }

  /**
   * The content of the tokenizer.json that it was loaded from, or that was built of other files.
   *
   * @return its bytes
   */
  public byte[] json() {
    byte[] kept = json;
    if (kept != null) {
      return kept.clone();
    }
    try {
      return Files.readAllBytes(Objects.requireNonNull(file));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file + ": " + e, e);
    }
  }

  /**
   * Adds tokens, each of which is one id from then on. Use {@code addTokens} of the model, which
   * gives them rows in its tables as well.
   *
   * @param tokens texts that are not empty; a token of the vocabulary keeps its id
   * @param special whether decoding can leave them out
   * @param use is called with the new {@link #vocabularySize} before the tokenizer changes; if it
   *     fails, nothing changes
   * @return their ids, in the same order
   */
  public long[] addTokens(List<String> tokens, boolean special, IntConsumer use) {
    List<AddedToken> more =
        tokens.stream()
            .map(token -> special ? AddedToken.special(token) : AddedToken.word(token))
            .toList();
    if (tokens.isEmpty() || tokens.contains("")) {
      throw new IllegalArgumentException(
          "the tokens to add are " + tokens + "; expected texts that are not empty");
    }
    Lock writing = lock.writeLock();
    writing.lock();
    try {
      requireOpen();
      if (!codec.files().isEmpty()) {
        throw new UnsupportedOperationException(
            "the tokenizer in " + source + " is a MarianTokenizer, which takes no more tokens");
      }
      AssembledTokenizer next =
          AssembledTokenizer.of(TokenizerJson.read(json(), source), settings, origin, source, more);
      Codec created = backend(next, settings, source);
      try {
        use.accept(next.traits().special().vocabularySize());
      } catch (RuntimeException | OutOfMemoryError e) {
        created.close();
        throw e;
      }
      replace(created, next, more);
      return more.stream().mapToLong(next.traits().special()::id).toArray();
    } finally {
      writing.unlock();
    }
  }

  private void replace(Codec created, AssembledTokenizer next, List<AddedToken> more) {
    Map<Long, AddedToken> byId = new LinkedHashMap<>();
    more.forEach(token -> byId.put(next.traits().special().id(token), token));
    settings.add(byId);
    codec.close();
    closeForWords();
    codec = created;
    traits = next.traits();
    json = next.json().bytes();
    changed = true;
  }

  /**
   * Saves tokenizer.json and tokenizer_config.json, with the tokens that were added. Either both
   * are written or none.
   *
   * @param folder which is made if it is not there
   */
  public void save(Path folder) {
    try (FileGroup files = new FileGroup(folder)) {
      writeTo(files);
      files.commit();
    }
  }

  /** Adds tokenizer.json, and tokenizer_config.json if it has content, to a group of files. */
  public void writeTo(FileGroup files) {
    for (Path each : codec.files()) {
      files.write(
          each.getFileName().toString(), out -> Files.copy(each, Channels.newOutputStream(out)));
    }
    if (codec.files().isEmpty()) {
      byte[] content = json();
      files.write(TOKENIZER, out -> out.write(ByteBuffer.wrap(content)));
    }
    if (!settings.file().isEmpty()) {
      files.writeText(TokenizerSettings.CONFIG, JsonFile.text(settings.file()) + "\n");
    }
  }

  /** Whether tokens were added since it was loaded. */
  public boolean isChanged() {
    return changed;
  }

  /** Whether tokens were added that a file of this name in {@link #folder} lacks. */
  public boolean replaces(String name) {
    return changed && (name.equals(TOKENIZER) || name.equals(TokenizerSettings.CONFIG));
  }

  /**
   * Limits the tokenizer to the ids that a model's embedding has. Texts with other tokens are
   * refused. Special tokens with other ids count as absent.
   *
   * @param tokens number of ids in the embedding, above 0; the ids from 0 to {@code tokens} - 1 are
   *     allowed
   */
  public void limitTo(int tokens) {
    known = tokens;
  }

  /**
   * The ids of a text, with the special tokens that the model expects around it.
   *
   * @param text the text
   * @return its ids
   * @throws DataException if the model's embedding lacks one of the tokens: see {@link #limitTo}
   */
  public long[] encode(String text) {
    return encode(text, true);
  }

  /**
   * The ids of a text.
   *
   * @param text the text
   * @param specialTokens whether to add the special tokens that the model expects around it
   * @return its ids
   */
  public long[] encode(String text, boolean specialTokens) {
    requireText(text);
    return guarded(codec -> requireKnown(codec, codec.ids(text, specialTokens)));
  }

  /**
   * The ids of a text that a language model learns or continues: those of {@link #input}, in which
   * special tokens that the text has itself, as chat templates write them, stand once.
   *
   * @param text the text
   * @return its ids
   */
  public long[] encodeText(String text) {
    return input(text, null).ids();
  }

  /**
   * The ids of a text to be continued: those of {@link #encodeText}, without the end-of-text token
   * that some tokenizers add. One that the text has itself stays.
   *
   * @param text the text
   * @return its ids
   */
  public long[] encodePrompt(String text) {
    long[] ids = encodeText(text);
    return Ids.endsText(ids, this) && !Ids.endsText(encode(text, false), this)
        ? Arrays.copyOf(ids, ids.length - 1)
        : ids;
  }

  /**
   * The ids of a pair of texts, with the special tokens that the model expects around and between.
   *
   * @param text the first text
   * @param pair the second text
   * @return the ids of both
   */
  public long[] encode(String text, String pair) {
    requireText(pair);
    return encoding(text, pair).ids();
  }

  /** The ids of a text or a pair as transformers gives them. */
  public Encoding encoding(String text, @Nullable String pair) {
    requireText(text);
    return guarded(codec -> checked(codec, codec.encoding(text, pair)));
  }

  /**
   * The ids of a text or a pair as a model should read them. They are those of {@link
   * #encoding(String, String)}, but a text that begins or ends with special tokens that the
   * tokenizer would add there, as chat templates write them, gets no second ones. The log says so
   * once. What a text itself has twice stays.
   *
   * @param text the text
   * @param pair the second text, or null
   * @return the ids
   */
  public Encoding input(String text, @Nullable String pair) {
    return once(encoding(text, pair));
  }

  /** The ids of a text that an encoder-decoder is to write, with special tokens once. */
  public Encoding target(String text) {
    return once(targetEncoding(text));
  }

  private Encoding once(Encoding encoding) {
    Encoding once = OwnTokens.once(encoding);
    if (once.ids().length < encoding.ids().length && !saidOnce.getAndSet(true)) {
      LOG.info(
          "a text has special tokens that the tokenizer adds, and gets no second ones. It becomes"
              + " the {} tokens '{}'. Further texts may be alike; this is said once",
          once.ids().length,
          Quote.shorten(decode(once.ids(), false)));
    }
    return once;
  }

  /**
   * The ids of a text that an encoder-decoder is to write, such as a translation: some tokenizers
   * cut it in another way than the text to read.
   */
  public Encoding targetEncoding(String text) {
    requireText(text);
    return guarded(codec -> checked(codec, codec.targetEncoding(text)));
  }

  /**
   * The ids of a text or a pair, and the place of each token in its text.
   *
   * @param pair the second text, or null
   * @throws UnsupportedOperationException if the tokenizer knows no places, as a MarianTokenizer
   */
  public AlignedEncoding aligned(String text, @Nullable String pair) {
    requireText(text);
    return guarded(codec -> checked(codec, codec.aligned(text, pair)));
  }

  /**
   * The ids of a text that has its special tokens as text, such as a rendered conversation, and the
   * place of each token. No special tokens are added.
   *
   * @throws UnsupportedOperationException if the tokenizer knows no places, as a MarianTokenizer
   */
  public AlignedEncoding bareAligned(String text) {
    requireText(text);
    return guarded(codec -> checked(codec, codec.bareAligned(text)));
  }

  /**
   * The ids of a text that is given as a list of words, and the word of each token: transformers'
   * {@code tokenizer(words, is_split_into_words=True)}. Tokenizers of GPT-2's and RoBERTa's kind
   * put a space in front of each word, as transformers' run_ner.py has them do with {@code
   * add_prefix_space}. A word of nothing that the tokenizer keeps has no token.
   *
   * @throws UnsupportedOperationException if the tokenizer knows no places, as a MarianTokenizer
   */
  public AlignedEncoding aligned(List<String> words) {
    if (words.stream().anyMatch(Objects::isNull)) {
      throw new IllegalArgumentException(
          "word " + words.indexOf(null) + " is null; expected texts, which may be empty");
    }
    return guarded(codec -> checked(codec, forWords(codec).aligned(words)));
  }

  private Codec forWords(Codec forTexts) {
    if (!traits.prefixesWords()) {
      return forTexts;
    }
    synchronized (forWordsLock) {
      if (forWords == null) {
        TokenizerSettings spaced = settings.setting("add_prefix_space");
        TokenizerJson vocabulary = TokenizerJson.read(json(), source);
        forWords =
            backend(AssembledTokenizer.of(vocabulary, spaced, origin, source), spaced, source);
      }
      return forWords;
    }
  }

  private void closeForWords() {
    synchronized (forWordsLock) {
      if (forWords != null) {
        forWords.close();
        forWords = null;
      }
    }
  }

  private AlignedEncoding checked(Codec codec, AlignedEncoding aligned) {
    return new AlignedEncoding(
        checked(codec, aligned.encoding()),
        aligned.tokens(),
        aligned.words(),
        aligned.starts(),
        aligned.ends());
  }

  private Encoding checked(Codec codec, Encoding encoding) {
    return new Encoding(
        requireKnown(codec, encoding.ids()),
        typeIds(encoding.typeIds()),
        encoding.sequenceIds(),
        encoding.specialTokenMask());
  }

  private long[] typeIds(long... ids) {
    return traits.givesTypes() ? ids : new long[ids.length];
  }

  private long[] requireKnown(Codec codec, long... ids) {
    for (long id : ids) {
      if (id >= known) {
        throw new DataException(
            ("the text has the token '%s' with the id %d, which the model does not know: it has"
                    + " vectors for the ids 0 to %d. Take the token out of the text, or take the"
                    + " tokenizer that belongs to the model")
                .formatted(codec.decode(new long[] {id}, false), id, known - 1),
            Remedy.RESIZE_TOKENS.with(
                "Or give the token a vector to train: model.resizeTokens(%d)"
                    .formatted(vocabularySize()),
                vocabularySize()));
      }
    }
    return ids;
  }

  /**
   * The text of some ids, without special tokens.
   *
   * @param ids the ids
   * @return the text
   */
  public String decode(long[] ids) {
    return decode(ids, true);
  }

  /**
   * The text of some ids.
   *
   * @param ids the ids, 0 or more; ids that the vocabulary lacks give no text
   * @param skipSpecialTokens whether to leave special tokens out
   * @return the text
   */
  public String decode(long[] ids, boolean skipSpecialTokens) {
    requireIds(ids);
    String text = guarded(codec -> codec.decode(ids, skipSpecialTokens));
    return traits.cleansUp() ? CleanUp.of(text) : text;
  }

  // Null would crash the JVM.
  private static void requireText(String text) {
    if (text == null) {
      throw new IllegalArgumentException("the text is null; expected a text, which may be empty");
    }
  }

  private static void requireIds(long[] ids) {
    if (ids == null) {
      throw new IllegalArgumentException("the ids are null; expected an array, which may be empty");
    }
    for (long id : ids) {
      if (id < 0) {
        throw new IllegalArgumentException(
            "the ids hold "
                + id
                + "; expected ids from 0 on: take out what marks labels that do not count");
      }
    }
  }

  // A call into a freed tokenizer would crash the JVM.
  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the tokenizer is closed");
    }
  }

  private <T> T guarded(Function<Codec, T> call) {
    Lock reading = lock.readLock();
    reading.lock();
    try {
      requireOpen();
      return call.apply(codec);
    } finally {
      reading.unlock();
    }
  }

  /**
   * The size of the vocabulary: the largest id + 1. A model's embedding may be larger.
   *
   * @return the size
   */
  public int vocabularySize() {
    return traits.special().vocabularySize();
  }

  /**
   * The size of the vocabulary that the tokenizer was trained with: the largest id + 1, without
   * tokens that were added later.
   *
   * @return the size
   */
  public int trainedVocabularySize() {
    return traits.special().modelVocabularySize();
  }

  /**
   * The texts of the special tokens that the tokenizer's files or its class name, as transformers
   * gives them to chat templates.
   *
   * @return texts by the names of transformers, such as {@code bos_token}
   */
  public Map<String, String> specialTokens() {
    return traits.special().declared();
  }

  /**
   * The padding id: that of the padding token, else that of the end-of-text token, else 0. Padding
   * is masked, so any id is valid.
   *
   * @return the id
   */
  public long padId() {
    return id(Role.PAD).orElse(eosId().orElse(0));
  }

  /**
   * The end-of-text token.
   *
   * @return its id, if there is one
   */
  public OptionalLong eosId() {
    return id(Role.EOS);
  }

  /**
   * The beginning-of-text token.
   *
   * @return its id, if there is one
   */
  public OptionalLong bosId() {
    return id(Role.BOS);
  }

  /**
   * The token whose hidden state represents the whole text, such as BERT's {@code [CLS]}.
   *
   * @return its id, if there is one
   */
  public OptionalLong clsId() {
    return id(Role.CLS);
  }

  /**
   * The token between and after texts, such as BERT's {@code [SEP]}.
   *
   * @return its id, if there is one
   */
  public OptionalLong sepId() {
    return id(Role.SEP);
  }

  /**
   * The token that masks a word in masked language modelling.
   *
   * @return its id, if there is one
   */
  public OptionalLong maskId() {
    return id(Role.MASK);
  }

  /**
   * The token for words that the vocabulary lacks.
   *
   * @return its id, if there is one
   */
  public OptionalLong unknownId() {
    return id(Role.UNK);
  }

  /** Whether transformers pads on the left, as {@code padding_side} or the class says. */
  public boolean padsOnLeft() {
    return traits.leftPadding();
  }

  /** Whether tokens within a word have a mark, as {@code ##ing}, so that words are known. */
  public boolean marksContinuations() {
    return traits.marksContinuations();
  }

  private OptionalLong id(Role role) {
    OptionalLong id = traits.special().id(role);
    return id.isPresent() && id.getAsLong() < known ? id : OptionalLong.empty();
  }

  @Override
  public void close() {
    Lock writing = lock.writeLock();
    writing.lock();
    try {
      closed = true;
      codec.close();
      closeForWords();
    } finally {
      writing.unlock();
    }
  }

  @Override
  public String toString() {
    return "tokenizer of %,d tokens, special: %s".formatted(vocabularySize(), traits.special());
  }
}
