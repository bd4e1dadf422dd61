package io.github.peft4j.data.batch;

import io.github.peft4j.data.Dataset;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;

/** Joins texts and cuts them into rows of equal length, as {@code group_texts} of run_mlm.py. */
public final class TextBlocks {

  private TextBlocks() {}

  /**
   * The blocks of texts.
   *
   * @param rows the blocks; their labels count the words of all texts
   * @param dropped the number of tokens after the last whole block, which are dropped. If there is
   *     no whole block, the tokens are one short block
   */
  public record Blocks(EncodedDataset rows, int dropped) {}

  /**
   * Joins texts.
   *
   * @param texts encoded by {@link Encoder#masked} without a limit
   * @param length the number of tokens of a block, 1 or more
   */
  public static Blocks of(EncodedDataset texts, int length) {
    long total = texts.tokens();
    List<EncodedExample> blocks = new ArrayList<>();
    Block block = new Block((int) Math.min(length, total));
    long firstWord = 0;
    for (EncodedExample text : texts.examples()) {
      long last = -1;
      for (int i = 0; i < text.length(); i++) {
        long word = text.labels()[i];
        last = Math.max(last, word);
        if (block.add(text, i, word < 0 ? word : firstWord + word)) {
          blocks.add(block.example());
          block = new Block(length);
        }
      }
      firstWord += last + 1;
    }
    int[] positions = IntStream.range(0, blocks.size()).toArray();
    EncodedDataset rows =
        new EncodedDataset(
            blocks, positions, EncodedDataset.LeftOut.NOTHING, new Dataset<>(List.of()), null);
    return new Blocks(rows, block.size);
  }

  /** A block that is being filled. */
  private static final class Block {
    private final long[] ids;
    private final long[] types;
    private final long[] words;
    private boolean typed;
    private int size;

    Block(int length) {
      ids = new long[length];
      types = new long[length];
      words = new long[length];
    }

    /** Adds a token, and says whether the block is full. */
    boolean add(EncodedExample text, int token, long word) {
      ids[size] = text.inputIds()[token];
      typed = text.tokenTypeIds() != null;
      types[size] = typed ? Objects.requireNonNull(text.tokenTypeIds())[token] : 0;
      words[size] = word;
      size++;
      return size == ids.length;
    }

    EncodedExample example() {
      return new EncodedExample(ids, typed ? types : null, words, EncodedExample.Alignment.TOKEN);
    }
  }
}
