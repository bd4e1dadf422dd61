package io.github.peft4j.cli;

import io.github.peft4j.advice.Advice;

/** The library's advice in the words of the command line. */
final class Words {

  private Words() {}

  /** A sentence without its full stop. */
  static String of(Advice advice) {
    return switch (advice.remedy()) {
      case NAME_COLUMNS ->
          "Say what is learnt by --task, and by --column ROLE=COLUMN which columns it has:"
              + " --task classify --column text=review --column label=stars";
      case CHOOSE_FORM ->
          "Say which by --task: chat, prompts, text, classify, regression, similarity, multi-label,"
              + " questions or preferences";
      case SKIP_EMPTY ->
          "Leave such rows out by --skip-empty "
              + (advice.value().isEmpty() ? "COLUMN" : advice.value());
      case SKIP_UNLABELLED ->
          "Leave such rows out by --skip-unlabelled; if it is a class, give it a name by a"
              + " template:"
              + " --column 'label=class {%s}'".formatted(advice.value());
      case SEPARATE_LABELS -> "If labels are separated in a text, say by what: --label-separator ,";
      case READ_CONVERSATIONS -> "If these are the messages of chats, give --task chat";
      case SAY_KIND_OF_FILE ->
          "Rename it; for words with tags in CoNLL's format, give --task tokens";
      case TAKE_OTHER_DATA ->
          "Take another model, or a --task for which this one can be loaded, such as classify";
      case ALLOW_LENGTH ->
          "Raise --max-length to %s, or leave such examples out by --skip-too-long"
              .formatted(advice.value());
      case START_FROM_CHECKPOINT ->
          "To train its adapter further under other settings or on other data, give --adapter %s"
                  .formatted(advice.value())
              + " and another folder for --checkpoints";
      case KEEP_LAST ->
          "Leave out --keep-best and --stop-early; the adapter of the last step is saved then";
      case SKIP_NON_FINITE -> "To pass over some of them, give --skip-non-finite N";
      case ENLARGE_BATCH ->
          "Give --batch-size %s or more, which is that of all devices together"
              .formatted(advice.value());
      case ACCUMULATE ->
          "Give --accumulate %s, with a smaller --batch-size: each has a batch of its own then"
              .formatted(advice.value());
      case TAKE_LESS_MEMORY ->
          "For a training, give --auto-batch-size, --activations recomputed or a smaller"
              + " --max-length; otherwise give fewer texts at a time, or --precision bfloat16, or spread the"
              + " model over several GPUs by --device-map balanced";
      case LOAD_FOR_TASK ->
          "Take a model for that task, or a command that has --task: finetune, evaluate, merge";
      case LOAD_WITH_LABELS ->
          "Give the labels in their order: --labels "
              + (advice.values().isEmpty() ? "no,yes" : String.join(",", advice.values()));
      case RESIZE_TOKENS -> "No option does that; in a program: " + advice.text();
      case ALLOW_NEW_TOKENS -> "Raise --max-new-tokens, or shorten the prompt";
      case SAVE_AS_FOLDER -> "Leave out --onnx, for a runtime that reads such folders";
      case NAME_MODEL ->
          "Give the folder that holds them, or the name of a model on the Hugging Face hub:"
              + " --model org/name";
      case KEEP_STORED -> "Leave out --quantize";
      case TAKE_OTHER_QUANTIZATION -> "Leave out --quantize, or take another one, such as nf4";
    };
  }
}
