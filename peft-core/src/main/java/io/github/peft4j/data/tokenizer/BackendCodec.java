package io.github.peft4j.data.tokenizer;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.CharSpan;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.tokenizer.Tokenizer.Encoding;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.IntFunction;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/** The tokenizers library, with a tokenizer.json. */
final class BackendCodec implements Codec {

  private static final Map<String, String> OPTIONS =
      Map.of("truncation", "false", "padding", "false", "addSpecialTokens", "true");

  private final HuggingFaceTokenizer delegate;
  private final OptionalLong language;

  /**
   * Creates it.
   *
   * @param source what the tokenizer was read from, for messages
   * @param language the token that ends texts to write, in place of the one that ends texts to read
   */
  BackendCodec(TokenizerJson json, String source, OptionalLong language) {
    this.language = language;
    try {
      delegate = HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(json.bytes()), OPTIONS);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (RuntimeException e) {
      throw new DataException(source + " is not a tokenizer that can be read: " + e, e);
    }
  }

  @Override
  public long[] ids(String text, boolean specialTokens) {
    return with(
        TokenizersLibrary.LIB.encode(delegate.getHandle(), text, specialTokens),
        TokenizersLibrary.LIB::getTokenIds);
  }

  /**
   * The tokens of a text, without special tokens. Those that the vocabulary lacks are as they are.
   */
  String[] tokens(String text) {
    return with(
        TokenizersLibrary.LIB.encode(delegate.getHandle(), text, false),
        TokenizersLibrary.LIB::getTokens);
  }

  @Override
  public Encoding encoding(String text, @Nullable String pair) {
    return with(encode(text, pair), BackendCodec::read);
  }

  private long encode(String text, @Nullable String pair) {
    return pair == null
        ? TokenizersLibrary.LIB.encode(delegate.getHandle(), text, true)
        : TokenizersLibrary.LIB.encodeDual(delegate.getHandle(), text, pair, true);
  }

  private static Encoding read(long encoding) {
    return new Encoding(
        TokenizersLibrary.LIB.getTokenIds(encoding),
        TokenizersLibrary.LIB.getTypeIds(encoding),
        TokenizersLibrary.LIB.getSequenceIds(encoding),
        TokenizersLibrary.LIB.getSpecialTokenMask(encoding));
  }

  @Override
  public AlignedEncoding aligned(String text, @Nullable String pair) {
    CharIndex first = new CharIndex(text);
    CharIndex second = pair == null ? first : new CharIndex(pair);
    return with(
        encode(text, pair),
        encoding -> {
          long[] sequences = TokenizersLibrary.LIB.getSequenceIds(encoding);
          return aligned(encoding, token -> sequences[token] == 1 ? second : first);
        });
  }

  @Override
  public AlignedEncoding bareAligned(String text) {
    CharIndex chars = new CharIndex(text);
    return with(
        TokenizersLibrary.LIB.encode(delegate.getHandle(), text, false),
        encoding -> aligned(encoding, token -> chars));
  }

  @Override
  public AlignedEncoding aligned(List<String> words) {
    List<CharIndex> indices = words.stream().map(CharIndex::new).toList();
    String[] array = words.toArray(String[]::new);
    return with(
        TokenizersLibrary.LIB.encodeList(delegate.getHandle(), array, true),
        encoding -> {
          long[] wordIds = TokenizersLibrary.LIB.getWordIds(encoding);
          return aligned(encoding, token -> indices.get((int) wordIds[token]));
        });
  }

  /**
   * The places of tokens. The library counts code points.
   *
   * @param index of the text that a token belongs to
   */
  private static AlignedEncoding aligned(long encoding, IntFunction<CharIndex> index) {
    CharSpan[] spans = TokenizersLibrary.LIB.getTokenCharSpans(encoding);
    int[] starts = new int[spans.length];
    int[] ends = new int[spans.length];
    for (int i = 0; i < spans.length; i++) {
      if (spans[i] != null) { // null: a special token
        CharIndex chars = index.apply(i);
        starts[i] = chars.of(spans[i].getStart());
        ends[i] = chars.of(spans[i].getEnd());
      }
    }
    return new AlignedEncoding(
        read(encoding),
        TokenizersLibrary.LIB.getTokens(encoding),
        Arrays.stream(TokenizersLibrary.LIB.getWordIds(encoding)).mapToInt(i -> (int) i).toArray(),
        starts,
        ends);
  }

  @Override
  public Encoding targetEncoding(String text) {
    Encoding encoding = encoding(text, null);
    language.ifPresent(id -> encoding.ids()[encoding.ids().length - 1] = id);
    return encoding;
  }

  private static <T> T with(long encoding, LongFunction<T> read) {
    try {
      return read.apply(encoding);
    } finally {
      TokenizersLibrary.LIB.deleteEncoding(encoding);
    }
  }

  @Override
  public String decode(long[] ids, boolean skipSpecialTokens) {
    return TokenizersLibrary.LIB.decode(delegate.getHandle(), ids, skipSpecialTokens);
  }

  @Override
  public void close() {
    delegate.close();
  }
}
