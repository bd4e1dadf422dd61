package io.github.peft4j.advice;

import java.util.Arrays;
import java.util.List;

/**
 * Kinds of {@link Advice}. A program that is not used from Java, such as a command line, has words
 * of its own for each.
 */
public enum Remedy {
  /** Say which columns have which role. */
  NAME_COLUMNS,
  /** Say which of several forms the data has. */
  CHOOSE_FORM,
  /** Fill in the rows that lack a value, or leave them out. Value: the column, if it is known. */
  SKIP_EMPTY,
  /** Leave out the rows without a label, or give the class another name. Value: the column. */
  SKIP_UNLABELLED,
  /** Say what stands between the labels of a text. Value: the column. */
  SEPARATE_LABELS,
  /** Read the column as the messages of conversations. */
  READ_CONVERSATIONS,
  /** Say what kind of file it is. */
  SAY_KIND_OF_FILE,
  /** Take data of another kind, or a model for another task. Value: what the model takes. */
  TAKE_OTHER_DATA,
  /** Allow more tokens, or leave out what is too long. Value: the tokens that are needed. */
  ALLOW_LENGTH,
  /**
   * Load the checkpoint as an adapter and train it as a new run. Value: the checkpoint's folder.
   */
  START_FROM_CHECKPOINT,
  /** Keep the adapter of the last step, not that of the best evaluation. */
  KEEP_LAST,
  /** Pass over steps whose loss is not finite. */
  SKIP_NON_FINITE,
  /** Take larger batches, which several devices share. Value: the rows that are needed. */
  ENLARGE_BATCH,
  /** Give each device whole batches. Value: how many batches a step needs. */
  ACCUMULATE,
  /** Compute less at a time, or in fewer bits. */
  TAKE_LESS_MEMORY,
  /** Load the model for another task. */
  LOAD_FOR_TASK,
  /** Load the model with other labels. Values: the labels, if they are known. */
  LOAD_WITH_LABELS,
  /** Give the token table rows. Value: how many it is to have. */
  RESIZE_TOKENS,
  /** Allow more new tokens, or shorten the prompt. */
  ALLOW_NEW_TOKENS,
  /** Save the model as a plain folder, not as ONNX. */
  SAVE_AS_FOLDER,
  /** Name the folder of a model, or a model on the hub. */
  NAME_MODEL,
  /** Load the weights as they are stored, and not in fewer bits. */
  KEEP_STORED,
  /** Load the weights in fewer bits of another form, or as they are stored. */
  TAKE_OTHER_QUANTIZATION;

  /**
   * Advice of this kind.
   *
   * @param text a sentence that says it to people who write Java, without its full stop
   * @param values what the kind says
   */
  public Advice with(String text, Object... values) {
    return new Advice(this, text, Arrays.stream(values).map(String::valueOf).toList());
  }

  /** Advice of this kind with a list of values. */
  public Advice with(String text, List<String> values) {
    return new Advice(this, text, values);
  }
}
