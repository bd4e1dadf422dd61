package io.github.peft4j.data;

import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The names of the classes. A name's id is its position, from 0. Immutable. */
public final class Labels {

  private static final Logger LOG = LoggerFactory.getLogger(Labels.class);
  private static final Pattern INTEGER = Pattern.compile("-?\\d{1,18}");

  private final List<String> names;
  private final List<String> meanings;
  private final Map<String, Integer> ids = new HashMap<>();

  private Labels(List<String> names) {
    this(names, names);
  }

  private Labels(List<String> names, List<String> meanings) {
    this.names = List.copyOf(names);
    this.meanings = List.copyOf(meanings);
    for (String name : names) {
      if (ids.putIfAbsent(name, ids.size()) != null) {
        throw new IllegalArgumentException("label '" + name + "' is given twice");
      }
    }
    if (names.isEmpty()) {
      throw new IllegalArgumentException("no labels given, expected one at least");
    }
  }

  /**
   * Labels whose ids are their positions.
   *
   * @param names the names, in the order of their ids
   * @return the labels
   */
  public static Labels of(String... names) {
    return new Labels(List.of(names));
  }

  /**
   * Labels whose ids are their positions.
   *
   * @param names the names, in the order of their ids
   * @return the labels
   */
  public static Labels of(List<String> names) {
    return new Labels(names);
  }

  /**
   * The distinct labels of some examples, sorted: numerically if all are integers, else
   * alphabetically.
   *
   * @param examples examples with a label, with several, or with tags
   * @return the labels
   * @throws DataException if the examples are of another type or have no labels at all
   */
  public static Labels in(Examples<? extends Example> examples) {
    List<String> names =
        examples.dataset().examples().stream()
            .flatMap(example -> namesOf(example).stream())
            .toList();
    if (names.isEmpty()) {
      throw new DataException("none of the examples has a label, expected one at least");
    }
    return sorted(names);
  }

  private static List<String> namesOf(Example any) {
    Example example = TaskExample.without(any);
    if (example instanceof ClassificationExample one) {
      return List.of(one.label());
    } else if (example instanceof MultiLabelExample several) {
      return several.labels();
    } else if (example instanceof TokensExample words) {
      return words.tags();
    }
    throw new DataException(
        "a %s has no labels; expected ClassificationExample, MultiLabelExample or TokensExample"
            .formatted(example.getClass().getSimpleName()));
  }

  /**
   * The distinct tags of the words of some examples, sorted as {@link #in} sorts labels.
   *
   * @param examples the examples
   * @return the tags
   */
  public static Labels inTags(Examples<TokensExample> examples) {
    return in(examples);
  }

  /**
   * These labels in the spelling of some examples. The examples may use names. They may also use
   * ids, if every label is an id from 0 to {@link #size} - 1 and none is a name; this is logged.
   *
   * @param examples the examples
   * @return labels whose {@link #id} accepts the examples' spelling
   */
  public Labels asWrittenIn(Examples<ClassificationExample> examples) {
    return asWritten(
        examples.dataset().examples().stream()
            .map(ClassificationExample::label)
            .distinct()
            .toList());
  }

  /**
   * These labels in the spelling of some data, see {@link #asWrittenIn}.
   *
   * @param written the distinct labels of the data
   * @return labels whose {@link #id} accepts the data's spelling
   */
  public Labels asWritten(Collection<String> written) {
    if (written.isEmpty() || written.stream().anyMatch(ids::containsKey)) {
      return this;
    }
    List<String> numbers = IntStream.range(0, size()).mapToObj(Integer::toString).toList();
    if (!numbers.containsAll(written)) {
      return this;
    }
    LOG.info(
        "labels {} of the data are taken as ids of {}", Quote.list(List.copyOf(written)), this);
    return new Labels(numbers, names);
  }

  /**
   * The distinct names of some, sorted as {@link #in} sorts labels.
   *
   * @param names the names, which may repeat
   * @return the labels
   */
  public static Labels sorted(Collection<String> names) {
    boolean integers = names.stream().allMatch(name -> INTEGER.matcher(name).matches());
    Comparator<String> text = Comparator.naturalOrder();
    Comparator<String> order =
        integers ? Comparator.<String>comparingLong(Long::parseLong).thenComparing(text) : text;
    return new Labels(names.stream().distinct().sorted(order).toList());
  }

  /**
   * The number of classes.
   *
   * @return the number of classes
   */
  public int size() {
    return names.size();
  }

  /**
   * The names in the order of their ids.
   *
   * @return the names
   */
  public List<String> names() {
    return names;
  }

  /**
   * What the names mean: the names themselves, or those that numbers in the data stand for, see
   * {@link #asWritten}.
   *
   * @return a name for each id
   */
  public List<String> meanings() {
    return meanings;
  }

  /**
   * The name of a class.
   *
   * @param id the id, from 0
   * @return the name
   * @throws IllegalArgumentException if there is no such id
   */
  public String name(int id) {
    if (id < 0 || id >= names.size()) {
      throw new IllegalArgumentException(
          "no label has the id " + id + ": there are " + size() + ", counted from 0");
    }
    return names.get(id);
  }

  /**
   * The id of a class.
   *
   * @param name the name
   * @return the id, from 0
   */
  public int id(String name) {
    Integer id = ids.get(name);
    if (id == null) {
      throw new DataException(
          ("unknown label '%s': the labels are %s. Give the model every label at the start"
                  + (INTEGER.matcher(name).matches()
                      ? ", or give it ids alone: labels of the data are taken as ids where every"
                          + " one is a number from 0 to "
                          + (size() - 1)
                      : ""))
              .formatted(Quote.shorten(name), Quote.list(names)));
    }
    return id;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Labels labels && names.equals(labels.names);
  }

  @Override
  public int hashCode() {
    return names.hashCode();
  }

  @Override
  public String toString() {
    return size() + " labels: " + Quote.list(names);
  }
}
