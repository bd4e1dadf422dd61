package io.github.peft4j.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The variables of Python's huggingface_hub. */
class HubSettingsTest {

  @TempDir Path home;
  private final Map<String, String> variables = new HashMap<>();

  private HubSettings settings() {
    return HubSettings.of(new Environment(variables::get, home));
  }

  @Test
  void defaultsArePythons() {
    HubSettings settings = settings();
    assertThat(settings.endpoint()).hasToString("https://huggingface.co");
    assertThat(settings.cache()).isEqualTo(home.resolve(".cache/huggingface/hub"));
    assertThat(settings.token()).isNull();
    assertThat(settings.offline()).isFalse();
    assertThat(settings.symlinks()).isTrue();
    assertThat(settings.timeout()).isEqualTo(Duration.ofSeconds(10));
  }

  @Test
  void theCacheIsWhereThePreciserVariableSays() {
    variables.put("XDG_CACHE_HOME", "/xdg");
    assertThat(settings().cache()).isEqualTo(Path.of("/xdg/huggingface/hub").toAbsolutePath());
    variables.put("HF_HOME", "~/hf");
    assertThat(settings().cache()).isEqualTo(home.resolve("hf").resolve("hub"));
    variables.put("HUGGINGFACE_HUB_CACHE", "$DISK/old");
    variables.put("DISK", "/disk");
    assertThat(settings().cache()).isEqualTo(Path.of("/disk/old").toAbsolutePath());
    variables.put("HF_HUB_CACHE", "${DISK}/new$NOTHING");
    assertThat(settings().cache()).isEqualTo(Path.of("/disk/new$NOTHING").toAbsolutePath());
  }

  @Test
  void theTokenComesFromAVariableOrAFile() throws IOException {
    Path hub = Files.createDirectories(home.resolve(".cache/huggingface"));
    Files.writeString(hub.resolve("token"), "hf_file\n");
    assertThat(settings().token()).isEqualTo("hf_file");
    variables.put(
        "HF_TOKEN_PATH", Files.writeString(home.resolve("other"), " hf_other\r\n").toString());
    assertThat(settings().token()).isEqualTo("hf_other");
    variables.put("HUGGING_FACE_HUB_TOKEN", "hf_old");
    assertThat(settings().token()).isEqualTo("hf_old");
    variables.put("HF_TOKEN", "hf_new\n");
    assertThat(settings().token()).isEqualTo("hf_new");
    variables.put("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1");
    assertThat(settings().token()).isNull();
  }

  @Test
  void theTokenIsNeverShown() {
    variables.put("HF_TOKEN", "hf_secret");
    assertThat(settings().toString()).doesNotContain("hf_secret").contains("token=set");
    variables.put("HF_TOKEN", "hf_secret two");
    assertThatThrownBy(this::settings)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("token")
        .hasMessageNotContaining("hf_secret");
  }

  @ParameterizedTest
  @CsvSource({
    "HF_HUB_OFFLINE, 1, true",
    "HF_HUB_OFFLINE, yes, true",
    "HF_HUB_OFFLINE, TRUE, true",
    "HF_HUB_OFFLINE, 0, false",
    "TRANSFORMERS_OFFLINE, on, true"
  })
  void offline(String variable, String value, boolean expected) {
    variables.put(variable, value);
    assertThat(settings().offline()).isEqualTo(expected);
  }

  @ParameterizedTest
  @ValueSource(strings = {"ftp://host", "huggingface.co", "https://", "https://me:pw@host", "a b"})
  void anEndpointIsAnAddressOfAServer(String endpoint) {
    variables.put("HF_ENDPOINT", endpoint);
    assertThatThrownBy(this::settings)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("endpoint".equals(endpoint) ? endpoint : "https://huggingface.co")
        .hasMessageNotContaining("me:pw");
  }

  @Test
  void anEndpointMayHaveAPath() {
    variables.put("HF_ENDPOINT", "https://host/artifactory/hf/");
    assertThat(settings().endpoint()).hasToString("https://host/artifactory/hf");
  }

  @Test
  void aTimeoutIsANumberOfSeconds() {
    variables.put("HF_HUB_DOWNLOAD_TIMEOUT", "60");
    assertThat(settings().timeout()).isEqualTo(Duration.ofMinutes(1));
    variables.put("HF_HUB_DOWNLOAD_TIMEOUT", "1m");
    assertThatThrownBy(this::settings).hasMessageContaining("HF_HUB_DOWNLOAD_TIMEOUT is '1m'");
  }

  /** The examples of huggingface_hub's validate_repo_id. */
  @ParameterizedTest
  @ValueSource(strings = {"foo", "foo/bar", "123", "Foo-BAR_foo.bar123", "_a/b_"})
  void idsThatPythonTakes(String id) {
    assertThat(HubModel.problem(id)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "datasets/foo/bar",
        ".repo_id",
        "foo--bar",
        "foo.git",
        "other..repo..id",
        "",
        "/",
        "a/",
        "/a",
        "a b",
        "café",
        "a\\b",
        "-a",
        "a-",
        "../a",
        "C:/a"
      })
  void idsThatPythonRefuses(String id) {
    assertThatThrownBy(() -> HubModel.of(id))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'" + id + "' names no repository");
  }

  @Test
  void aPartOfAnIdHasAtMost96Letters() {
    assertThat(HubModel.problem("a".repeat(96) + "/" + "b".repeat(96))).isEmpty();
    assertThat(HubModel.problem("a".repeat(97))).isPresent();
  }

  @ParameterizedTest
  @ValueSource(strings = {"..", "a/../b", "/a", "a\\b", "", "C:x", "a:b"})
  void revisionsThatArePathsElsewhereAreRefused(String revision) {
    assertThatThrownBy(() -> HubModel.of("a/b").revision(revision))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("is no revision");
  }
}
