package io.github.peft4j.data.batch;

import io.github.peft4j.data.tokenizer.Ids;
import io.github.peft4j.data.tokenizer.Tokenizer;
import java.lang.Character.UnicodeScript;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Prompts and answers that are tokenized as one text, as in TRL. A token may reach over the border
 * between them; it then belongs to the answer.
 */
final class JoinedTexts {

  private static final Logger LOG = LoggerFactory.getLogger(JoinedTexts.class);

  /** Scripts that put blanks between words. */
  private static final Set<UnicodeScript> SPACED =
      Set.of(UnicodeScript.LATIN, UnicodeScript.GREEK, UnicodeScript.CYRILLIC);

  private final Tokenizer tokenizer;
  private final AtomicBoolean warned = new AtomicBoolean();
  private final AtomicBoolean warnedOfWords = new AtomicBoolean();

  JoinedTexts(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  Tokenizer tokenizer() {
    return tokenizer;
  }

  /**
   * The ids of a prompt with its answer, and the end of text. A warning names the first two that
   * become one word.
   */
  long[] ids(String prompt, String answer) {
    if (joinsWords(prompt, answer) && !warnedOfWords.getAndSet(true)) {
      LOG.warn(
          "the prompt '{}' and its answer '{}' become one word: nothing is put between them. Begin"
              + " the answer with a blank, as the template ' {answer}' does, or end the prompt with a"
              + " line break. Further prompts may be alike; this is said once",
          shortened(prompt),
          answer.length() <= 40 ? answer : answer.substring(0, 40) + "…");
    }
    return Ids.closed(tokenizer.encodeText(prompt + answer), tokenizer);
  }

  /**
   * Where the answer begins: after the ids of the prompt alone, or where the text differs from
   * them. The first such prompt is named in a warning.
   *
   * @param text the {@link #ids} of the prompt with its answer
   */
  int start(String prompt, long... text) {
    long[] alone = tokenizer.encodePrompt(prompt);
    int start = Ids.common(alone, text);
    if (start < alone.length && !warned.getAndSet(true)) {
      LOG.warn(
          "the prompt '{}' has other tokens when its answer follows: a token reaches over the border."
              + " The answer is learnt from that token on, so the prompt alone, as generation reads"
              + " it, is not what the model has seen. Move a blank at the end of the prompt to the"
              + " start of the answer, or end the prompt with a line break. Further prompts may be"
              + " alike; this is said once",
          shortened(prompt));
    }
    return start;
  }

  private static boolean joinsWords(String prompt, String answer) {
    return !prompt.isEmpty()
        && !answer.isEmpty()
        && isOfWord(prompt.codePointBefore(prompt.length()))
        && isOfWord(answer.codePointAt(0));
  }

  private static boolean isOfWord(int c) {
    return Character.isLetter(c) && SPACED.contains(UnicodeScript.of(c));
  }

  private static String shortened(String prompt) {
    return prompt.length() <= 40 ? prompt : "…" + prompt.substring(prompt.length() - 40);
  }
}
