package io.github.peft4j.tuner.injection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.toy.ToyMap;
import io.github.peft4j.tuner.site.LinearSite.Role;
import io.github.peft4j.tuner.site.Site;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Which modules names mean, as Hugging Face PEFT's target_modules. */
class SelectionTest {

  private static final String Q0 = "model.layers.0.self_attn.q_proj";
  private static final String V0 = "model.layers.0.self_attn.v_proj";
  private static final String UP0 = "model.layers.0.mlp.up_proj";
  private static final String Q1 = "model.layers.1.self_attn.q_proj";
  private static final String V1 = "model.layers.1.self_attn.v_proj";
  private static final String UP1 = "model.layers.1.mlp.up_proj";

  private final List<ToyMap> maps =
      List.of(
          new ToyMap(Q0, Role.QUERY),
          new ToyMap(V0, Role.VALUE),
          new ToyMap(UP0, Role.UP),
          new ToyMap(Q1, Role.QUERY),
          new ToyMap(V1, Role.VALUE),
          new ToyMap(UP1, Role.UP),
          new ToyMap("lm_head", Role.HEAD));
  private final NDManager manager = Tensors.newManager(Device.cpu());
  private final Sites sites =
      new Sites(
          maps.stream().flatMap(map -> Stream.of(map.weight(), map.site())),
          Map.of(),
          new Initializer(manager, Precision.FLOAT32, 1),
          null,
          null);

  @AfterEach
  void close() {
    maps.forEach(ToyMap::close);
    manager.close();
  }

  private static List<String> names(Selection<?> selection) {
    return selection.list().stream().map(Site::name).toList();
  }

  private Selection<?> linear(String... targets) {
    return sites.linear(TargetModules.of(targets));
  }

  @Test
  void namesAreEndingsOfWholeParts() {
    assertThat(names(linear("q_proj"))).containsExactly(Q0, Q1);
    assertThat(names(linear("self_attn.q_proj", "up_proj"))).containsExactly(Q0, UP0, Q1, UP1);
    assertThat(names(linear("proj"))).isEmpty();
    assertThat(names(linear(V1))).containsExactly(V1);
    assertThat(names(linear("lm_head"))).containsExactly("lm_head");
  }

  @Test
  void anExpressionIsForWholeNames() {
    assertThat(names(sites.linear(TargetModules.matching(".*layers\\.1\\..*_proj"))))
        .containsExactly(Q1, V1, UP1);
    assertThat(names(sites.linear(TargetModules.matching("q_proj")))).isEmpty();
  }

  @Test
  void allLinearIsAllButTheOutput() {
    assertThat(names(linear("all-linear"))).containsExactly(Q0, V0, UP0, Q1, V1, UP1);
  }

  @Test
  void withoutNamesTheUsualRolesAreMeant() {
    assertThat(names(sites.linear(null, Role.QUERY, Role.VALUE))).containsExactly(Q0, V0, Q1, V1);
  }

  @Test
  void modulesAreLeftOut() {
    assertThat(names(linear("all-linear").excluding(TargetModules.of("v_proj", Q1))))
        .containsExactly(Q0, UP0, UP1);
    assertThat(names(linear("q_proj").excluding(null))).containsExactly(Q0, Q1);
  }

  @Test
  void layersAreChosenByTheirNumbers() {
    assertThat(names(linear("q_proj", "v_proj").inLayers(List.of(1), null)))
        .containsExactly(Q1, V1);
    assertThat(names(linear("q_proj").inLayers(List.of(1), List.of("layers")))).containsExactly(Q1);
    assertThat(names(linear("q_proj").inLayers(List.of(1), List.of("blocks")))).isEmpty();
    assertThat(names(linear("q_proj").inLayers(null, null))).containsExactly(Q0, Q1);
    // A module that is named whole counts in whatever layer.
    assertThat(names(linear("q_proj", V0).inLayers(List.of(1), null))).containsExactly(V0, Q1);
  }

  @Test
  void modulesThatAreTrainedWholeAreNoTargets() {
    sites.reserve(List.of("q_proj", "lm_head"));
    assertThat(names(linear("q_proj", "v_proj", "lm_head"))).containsExactly(V0, V1);
    assertThat(sites.isReserved(Q0)).isTrue();
    assertThat(sites.isReserved(V0)).isFalse();
  }

  @Test
  void aNameThatNothingHasIsAnErrorThatNamesTheNearest() {
    assertThatThrownBy(() -> linear("q_porj").required())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(
            "target_modules [q_porj] match no module of this model. Nearest of its 4 kinds of"
                + " modules: model.layers.*.self_attn.q_proj, ");
    assertThatThrownBy(() -> linear("lm_haed").required())
        .hasMessageContaining("kinds of modules: lm_head, ");
    assertThat(linear("q_proj").required()).hasSize(2);
  }

  @Test
  void tensorsOfModulesAreSelectedByTheModulesNames() {
    TargetModules queries = TargetModules.of("q_proj");
    assertThat(names(sites.parametersOf(queries, null)))
        .containsExactly(Q0 + ".weight", Q1 + ".weight");
    assertThat(names(sites.parametersOf(null, TargetModules.of("q_proj", "v_proj", "lm_head"))))
        .containsExactly(UP0 + ".weight", UP1 + ".weight");
    assertThat(names(sites.parametersOf(TargetModules.of("all-linear"), null)))
        .containsExactlyInAnyOrder(
            Q0 + ".weight",
            V0 + ".weight",
            UP0 + ".weight",
            Q1 + ".weight",
            V1 + ".weight",
            UP1 + ".weight");
    assertThatThrownBy(() -> sites.parametersOf(TargetModules.of("q_porj"), null).required())
        .hasMessageStartingWith("target_modules [q_porj] match no module of this model.")
        .hasMessageContaining("kinds of modules: model.layers.*.self_attn.q_proj, ");
    assertThatThrownBy(() -> sites.parametersOf(queries, queries).required())
        .hasMessageStartingWith("target_modules [q_proj] without exclude_modules [q_proj] match");
    assertThatThrownBy(() -> sites.parameters(queries).required())
        .hasMessageStartingWith("target_parameters [q_proj] match no module");
  }

  @Test
  void anErrorSaysThatANameIsAGroupOfModules() {
    assertThatThrownBy(() -> linear("self_attn").required())
        .hasMessageEndingWith(
            ". self_attn is a group of modules: name its modules, such as self_attn.q_proj");
  }

  @Test
  void aSelectionIsNamedAsShortAsItCanBe() {
    assertThat(linear("all-linear").where(name -> name.endsWith("_proj")).targets().suffixes())
        .containsExactly("q_proj", "v_proj", "up_proj");
    assertThat(linear("q_proj").inLayers(List.of(1), null).targets().suffixes())
        .containsExactly(Q1);
  }

  @Test
  void editDistance() {
    assertThat(NearNames.edits("q_proj", "q_proj")).isZero();
    assertThat(NearNames.edits("q_porj", "q_proj")).isEqualTo(2);
    assertThat(NearNames.edits("query", "key")).isEqualTo(3);
    assertThat(NearNames.nearest("value", List.of("query", "values", "key"), 1))
        .containsExactly("values");
  }

  @Test
  void aModuleIsTrainedWholeOnce() {
    assertThat(sites.trainModules(name -> name.startsWith(Q0 + "."))).isTrue();
    assertThat(sites.trainModules(name -> name.startsWith(Q0 + "."))).isTrue();
    assertThat(sites.trainModules(name -> name.startsWith("nothing"))).isFalse();
    assertThat(sites.rewrites()).hasSize(1);
    assertThat(sites.layer(maps.get(0).weight())).isNotNull();
    sites.layers().close();
  }
}
