package io.github.peft4j.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class DatasetTest {

  private static Dataset<TextExample> numbers(int n) {
    return Examples.of(IntStream.range(0, n).mapToObj(i -> new TextExample("" + i)).toList());
  }

  @Test
  void labelsOfSeveralClassesAndOfWords() {
    Examples<MultiLabelExample> several =
        Examples.of(
            new MultiLabelExample("a", List.of("fire", "flood")),
            new MultiLabelExample("b", List.of()),
            new MultiLabelExample("c", List.of("dust", "fire")));
    assertThat(Labels.in(several).names()).containsExactly("dust", "fire", "flood");
    assertThat(
            Labels.in(Examples.of(new TokensExample(List.of("x", "y"), List.of("O", "B")))).names())
        .containsExactly("B", "O");
    assertThatThrownBy(() -> Labels.in(Examples.of(new MultiLabelExample("b", List.of()))))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("none of the examples has a label");
    assertThatThrownBy(() -> Labels.in(Examples.of(new TextExample("b"))))
        .hasMessageContaining("a TextExample has no labels");
  }

  @Test
  void shuffleIsAPermutationFixedByItsSeed() {
    Dataset<TextExample> data = numbers(100);

    assertThat(data.shuffle(1)).containsExactlyInAnyOrderElementsOf(data).isNotEqualTo(data);
    assertThat(data.shuffle(1)).isEqualTo(data.shuffle(1)).isNotEqualTo(data.shuffle(2));
    // The order itself is promised: it must not change with a version of Java or of this library.
    assertThat(Permutation.of(8, 42)).containsExactly(2, 6, 3, 1, 4, 0, 7, 5);
  }

  @Test
  void splitPartsAreDisjointAndComplete() {
    Dataset.Split<TextExample> split = numbers(50).split(0.1, 3);

    assertThat(split.heldOut().size()).isEqualTo(5);
    assertThat(
            Examples.of(
                Stream.of(split.train(), split.heldOut())
                    .flatMap(part -> part.examples().stream())
                    .toList()))
        .containsExactlyInAnyOrderElementsOf(numbers(50));
    assertThat(numbers(3).split(0.01, 0).heldOut().size()).isEqualTo(1);
    assertThatThrownBy(() -> numbers(3).split(1.0, 0)).hasMessageContaining("fraction is 1.0");
    assertThatThrownBy(() -> numbers(1).split(0.5, 0)).hasMessageContaining("two at least");
  }

  @Test
  void hashDependsOnContentAndOrderAlone() {
    assertThat(numbers(3).sha256()).hasSize(64).isEqualTo(numbers(3).sha256());
    assertThat(numbers(3).sha256()).isNotEqualTo(numbers(4).sha256());
    assertThat(Examples.of(new PromptExample("ab", "c")).sha256())
        .isNotEqualTo(Examples.of(new PromptExample("a", "bc")).sha256());
    assertThat(Examples.of(new ClassificationExample("a", "b", "c")).sha256())
        .isNotEqualTo(Examples.of(new ClassificationExample("a", "b")).sha256());
  }

  @Test
  void labelsAreSorted() {
    Dataset<ClassificationExample> data =
        Examples.of(
            new ClassificationExample("x", "b"),
            new ClassificationExample("y", "a"),
            new ClassificationExample("z", "b"));

    Labels labels = Labels.in(data);

    assertThat(labels.names()).containsExactly("a", "b");
    assertThat(labels.id("b")).isEqualTo(1);
    assertThat(labels.name(1)).isEqualTo("b");
    assertThat(labels).isEqualTo(Labels.of("a", "b")).hasToString("2 labels: a, b");
  }

  @Test
  void numericLabelsAreSortedByNumber() {
    List<ClassificationExample> examples =
        IntStream.of(10, 9, -1)
            .mapToObj(i -> new ClassificationExample("x", Integer.toString(i)))
            .toList();

    assertThat(Labels.in(Examples.of(examples)).names()).containsExactly("-1", "9", "10");
  }

  private static Dataset<ClassificationExample> labelled(String... labels) {
    return Examples.of(Stream.of(labels).map(l -> new ClassificationExample("x", l)).toList());
  }

  @Test
  void labelsThatAreIdsAlone() {
    Labels names = Labels.of("NEGATIVE", "POSITIVE");
    assertThat(names.asWrittenIn(labelled("0", "1", "1")).id("1")).isEqualTo(1);
    assertThat(names.asWrittenIn(labelled("1")).id("1")).isEqualTo(1);
    assertThat(Labels.of("LABEL_0", "LABEL_1").asWrittenIn(labelled("1", "0")).id("0")).isZero();
    assertThat(names.asWrittenIn(labelled("POSITIVE")).id("POSITIVE")).isEqualTo(1);
    assertThat(Labels.of("1", "0").asWrittenIn(labelled("0", "1")).id("0")).isEqualTo(1);
    for (String[] mixed : new String[][] {{"0", "POSITIVE"}, {"0", "2"}, {"0", "x"}, {"00"}}) {
      Labels labels = names.asWrittenIn(labelled(mixed));
      assertThat(labels).isEqualTo(names);
      assertThatThrownBy(() -> labels.id("0"))
          .hasMessageContainingAll("unknown label '0'", "NEGATIVE, POSITIVE", "from 0 to 1");
    }
  }

  @Test
  void wrongLabels() {
    assertThatThrownBy(() -> Labels.of("a", "b").id("c"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("unknown label 'c': the labels are a, b");
    assertThatThrownBy(() -> Labels.of("a").name(1)).hasMessageContaining("no label has the id 1");
    assertThatThrownBy(() -> Labels.of("a", "a")).hasMessageContaining("twice");
    assertThatThrownBy(() -> Labels.of()).hasMessageContaining("no labels");
  }
}
