package io.github.peft4j.transformer.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The tables of models in docs/models.md and in the README name the families that there are. */
class ModelsPageTest {

  private static final Path ROOT = Path.of("..");
  private static final Path PAGE = ROOT.resolve("docs/models.md");

  /** A row of a family: its type, and the cells of the tasks. */
  private static final Pattern ROW = Pattern.compile("(?m)^\\|[^|]+\\| `([\\w-]+)` \\|(.*)\\|$");

  /** The tasks of the page's columns. */
  private static final List<Set<Task.Type>> COLUMNS =
      List.of(
          Set.of(Task.Type.CAUSAL_LM, Task.Type.SEQ_2_SEQ_LM),
          Set.of(Task.Type.SEQ_CLS),
          Set.of(Task.Type.TOKEN_CLS),
          Set.of(Task.Type.MASKED_LM),
          Set.of(Task.Type.QUESTION_ANS),
          Set.of(Task.Type.FEATURE_EXTRACTION));

  @Test
  void thePageHasEachFamilyAndItsTasks() throws IOException {
    String table = Files.readString(PAGE).split("(?m)^\\|---.*\n", 2)[1];
    Map<String, List<String>> shown = new TreeMap<>();
    for (MatchResult row : ROW.matcher(table).results().toList()) {
      shown.put(row.group(1), Stream.of(row.group(2).split("\\|")).map(String::strip).toList());
    }
    Map<String, List<String>> present = new TreeMap<>();
    for (String type : Families.modelTypes()) {
      present.put(type, cells(type));
    }
    assertThat(shown).isEqualTo(present);
  }

  @Test
  void theReadmeHasEachFamily() throws IOException {
    String readme = Files.readString(ROOT.resolve("README.md"));
    String table = readme.split("### Models\n", 2)[1].split("\n###", 2)[0];
    Set<String> named =
        Pattern.compile("(?m)^\\|[^|]+\\|([^|]+)\\|.*$")
            .matcher(table)
            .results()
            .flatMap(row -> Pattern.compile("`([\\w-]+)`").matcher(row.group(1)).results())
            .map(name -> name.group(1))
            .filter(name -> !name.equals("model_type"))
            .collect(Collectors.toSet());
    assertThat(named).isEqualTo(Families.modelTypes());
  }

  private static List<String> cells(String modelType) {
    JsonObject json = new JsonObject();
    json.addProperty("model_type", modelType);
    json.addProperty("d_model", 8);
    ModelConfig config = ModelConfig.of(json, modelType);
    List<Task.Type> tasks = Families.of(config).heads(config).tasks();
    List<String> cells = new ArrayList<>();
    for (Set<Task.Type> column : COLUMNS) {
      cells.add(tasks.stream().anyMatch(column::contains) ? "yes" : "");
    }
    return cells;
  }
}
