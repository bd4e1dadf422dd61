package io.github.peft4j.train.pet;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.kernel.Kernel;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;

/**
 * The tokens of a verbalizer's words.
 *
 * @param labels the labels
 * @param ids by label, the ids: of its words, if each is one token; otherwise of its only word
 * @param masks the number of tokens of the longest word
 */
@SuppressWarnings("ArrayRecordComponent") // nobody compares them
record LabelTokens(List<String> labels, long[][] ids, int masks) {

  /** The logits of labels: the mean over those of their words. */
  private static final Kernel LABELS =
      Kernel.of(
          """
          def labels(logits: Tensor, ids: Tensor) -> Tensor:     # (N, V), (L, k) with -1 → (N, L)
              known = torch.ge(ids, 0).to(logits.dtype)
              at = torch.reshape(torch.clamp(ids, 0), [-1])
              shape = [torch.size(logits, 0), torch.size(ids, 0), torch.size(ids, 1)]
              words = torch.mul(torch.reshape(torch.index_select(logits, 1, at), shape), known)
              return torch.div(torch.sum(words, -1), torch.sum(known, -1))
          """);

  static LabelTokens of(Verbalizer verbalizer, Words words) {
    List<List<String>> all = verbalizer.words();
    long[][][] tokens =
        all.stream()
            .map(some -> some.stream().map(words::encode).toArray(long[][]::new))
            .toArray(long[][][]::new);
    int masks =
        Arrays.stream(tokens).flatMap(Arrays::stream).mapToInt(word -> word.length).max().orElse(0);
    long[][] ids = new long[tokens.length][];
    for (int l = 0; l < ids.length; l++) {
      require(verbalizer.labels().get(l), all.get(l), tokens[l], masks, words.tokenizer());
      ids[l] = Arrays.stream(tokens[l]).flatMapToLong(Arrays::stream).toArray();
    }
    for (int l = 0; l < ids.length; l++) {
      for (int other = 0; other < l; other++) {
        if (Arrays.equals(ids[l], ids[other])) {
          throw new IllegalArgumentException(
              "the words of '%s' and '%s' are the same tokens, so nothing tells them apart"
                  .formatted(verbalizer.labels().get(other), verbalizer.labels().get(l)));
        }
      }
    }
    return new LabelTokens(verbalizer.labels(), ids, masks);
  }

  private static void require(
      String label, List<String> words, long[][] tokens, int masks, Tokenizer tokenizer) {
    if (masks > 1 && words.size() > 1) {
      throw new IllegalArgumentException(
          "label '%s' has the words %s, and some word of the verbalizer has %d tokens; expected one word a label, or words of one token each"
              .formatted(label, words, masks));
    }
    OptionalLong unknown = tokenizer.unknownId();
    for (int w = 0; w < tokens.length; w++) {
      boolean strange =
          unknown.isPresent() && Arrays.stream(tokens[w]).anyMatch(id -> id == unknown.getAsLong());
      if (tokens[w].length == 0 || strange) {
        throw new IllegalArgumentException(
            "the model's vocabulary lacks the word '%s' of label '%s'; take another word"
                .formatted(words.get(w), label));
      }
    }
  }

  /** The words of several tokens, with their numbers of tokens. */
  static Map<String, Integer> longWords(Verbalizer verbalizer, Words words) {
    Map<String, Integer> all = new TreeMap<>();
    verbalizer.words().stream()
        .flatMap(List::stream)
        .forEach(word -> all.put(word, words.encode(word).length));
    all.values().removeIf(tokens -> tokens == 1);
    return all;
  }

  boolean areSingle() {
    return masks == 1;
  }

  /** The logits (N, L) of labels, if each word is one token, of those of tokens (N, V). */
  NDArray logits(NDArray logits) {
    return LABELS.call(logits, array(logits.getManager()));
  }

  private NDArray array(NDManager manager) {
    int most = Arrays.stream(ids).mapToInt(row -> row.length).max().orElse(0);
    long[] flat = new long[ids.length * most];
    Arrays.fill(flat, -1);
    for (int l = 0; l < ids.length; l++) {
      System.arraycopy(ids[l], 0, flat, l * most, ids[l].length);
    }
    return manager.create(flat, new Shape(ids.length, most));
  }
}
