package io.github.peft4j.data.reader;

import io.github.peft4j.advice.Remedy;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Quote;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The forms of data that are recognised by their columns. */
enum Form {
  MESSAGES(".messages()", "messages"),
  SHARE_GPT(".shareGpt()", "conversations"),
  PREFERENCES(".preferences()", "chosen", "rejected"),
  PROMPT_COMPLETION(".promptCompletion()", "prompt", "completion"),
  ALPACA(".alpaca()", "instruction", "output"),
  QUESTIONS(".questions()", "question", "context", "answers"),
  SQUAD(".questions()", "data"),
  LABELLED(".text(\"text\").label(\"label\")", "text", "label"),
  LABELLED_PAIRS(".text(\"text\").pair(\"pair\").label(\"label\")", "text", "pair", "label"),
  /** Also a corpus whose texts have a score of quality. So it is never taken by itself. */
  SCORED(".text(\"text\").score(\"score\")", "text", "score"),
  SCORED_PAIRS(".text(\"text\").pair(\"pair\").score(\"score\")", "text", "pair", "score"),
  SIMILAR_PAIRS(".text(\"text\").pair(\"pair\").similarity(\"score\")", "text", "pair", "score"),
  MULTI_LABELLED(".text(\"text\").labels(\"labels\")", "text", "labels"),
  TAGGED(".tokens(\"tokens\").tags(\"tags\")", "tokens", "tags"),
  ANCHORS(".anchor(\"anchor\").positive(\"positive\")", "anchor", "positive"),
  TEXTS(".texts()", "text");

  private static final Logger LOG = LoggerFactory.getLogger(Form.class);

  private final String call;
  private final List<String> columns;

  Form(String call, String... columns) {
    this.call = call;
    this.columns = List.of(columns);
  }

  /** Whether all of another form's columns are among this form's, and more. */
  private boolean contains(Form other) {
    return !(this == SCORED && other == TEXTS)
        && columns.size() > other.columns.size()
        && columns.containsAll(other.columns);
  }

  /**
   * The form of a table. It is logged, with the columns that it does not use.
   *
   * @param allowed the forms in question
   * @throws DataException if there is none, or more than one
   */
  static Form of(String source, List<String> columns, Predicate<Form> allowed) {
    List<Form> candidates = Arrays.stream(values()).filter(allowed).toList();
    List<Form> fitting =
        candidates.stream().filter(form -> columns.containsAll(form.columns)).toList();
    List<Form> found =
        fitting.stream()
            .filter(form -> fitting.stream().noneMatch(other -> other.contains(form)))
            // LLaMA-Factory writes the prompt of a preference into conversations.
            .filter(form -> !(fitting.contains(PREFERENCES) && form.isHistory()))
            .toList();
    if (found.size() != 1) {
      throw new DataException(
          (found.isEmpty()
                  ? "%s: no form is recognised by the columns %s. Recognised are: %s"
                  : "%s: the columns %s fit several forms: %s")
              .formatted(
                  source,
                  Quote.list(columns),
                  joined(found.isEmpty() ? candidates : found, Form::names)),
          found.isEmpty()
              ? Remedy.NAME_COLUMNS.with(
                  "Name the columns: .text(column), .prompt(column).answer(column)")
              : Remedy.CHOOSE_FORM.with("Say which: " + joined(found, form -> form.call)));
    }
    Form form = found.get(0);
    Set<String> unused = form.unused(columns);
    LOG.info(
        "{}: recognised by its columns {}{}",
        source,
        form.names(),
        unused.isEmpty() ? "" : "; not used: " + Quote.list(unused));
    return form;
  }

  private boolean isHistory() {
    return this == MESSAGES || this == SHARE_GPT;
  }

  private Set<String> unused(List<String> all) {
    Set<String> optional =
        switch (this) {
          case MESSAGES, SHARE_GPT, PROMPT_COMPLETION ->
              Set.of("system", "tools", "documents", "chat_template_kwargs");
          case PREFERENCES ->
              Set.of(
                  "prompt",
                  "messages",
                  "conversations",
                  "system",
                  "tools",
                  "documents",
                  "chat_template_kwargs");
          case ALPACA -> Set.of("input", "system", "history", "tools");
          case QUESTIONS -> Set.of("is_impossible");
          case SQUAD -> Set.of("version");
          case ANCHORS -> Set.of("negative");
          case MULTI_LABELLED -> Set.of("pair");
          case LABELLED, LABELLED_PAIRS, SCORED, SCORED_PAIRS, SIMILAR_PAIRS, TAGGED, TEXTS ->
              Set.of();
        };
    return all.stream()
        .filter(column -> !columns.contains(column) && !optional.contains(column))
        .collect(Collectors.toCollection(LinkedHashSet::new));
  }

  private static String joined(List<Form> forms, Function<Form, String> words) {
    return forms.stream().map(words).distinct().collect(Collectors.joining("; "));
  }

  private String names() {
    return String.join(", ", columns);
  }
}
