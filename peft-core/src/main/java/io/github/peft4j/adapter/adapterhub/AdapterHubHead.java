package io.github.peft4j.adapter.adapterhub;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.LinearSite.Role;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A head of the library's own ({@code heads/base.py}), of those that compute what a model's usual
 * head computes: for classes of texts a map of the first token, tanh and a second map, which are
 * the pooler and the classifier; one map of the pooled token; and one for classes of tokens.
 *
 * @param modules the model's modules that are in it, the classifier being the last
 * @param name the head's
 * @param config what head_config.json says of it
 */
record AdapterHubHead(List<LinearSite> modules, String name, JsonObject config) {

  private static final String TANH = "tanh";

  /** The head that a folder's head_config.json describes, if the model has such a one. */
  static Optional<AdapterHubHead> read(JsonObject json, TransformerModel model) {
    JsonElement config = json.get("config");
    String name = AdapterHubConfig.text(json, "name");
    if (config == null || !config.isJsonObject() || name.isEmpty()) {
      return Optional.empty(); // a head of the model's class, whose names are the model's
    }
    return modules(config.getAsJsonObject(), model)
        .map(of -> new AdapterHubHead(of, name, config.getAsJsonObject()));
  }

  private static Optional<List<LinearSite>> modules(JsonObject config, TransformerModel model) {
    Optional<LinearSite> classifier = linear(model, Role.HEAD);
    Optional<LinearSite> pooler = linear(model, Role.POOLER);
    int layers = config.has("layers") ? config.get("layers").getAsInt() : 0;
    Task.Type task = model.task().type();
    if (is(config, "head_type", "tagging") && task == Task.Type.TOKEN_CLS && layers == 1) {
      return classifier.map(List::of);
    }
    boolean pools = config.has("use_pooler") && config.get("use_pooler").getAsBoolean();
    boolean classes = is(config, "head_type", "classification") && task == Task.Type.SEQ_CLS;
    if (classes && pools && layers == 1 && pooler.isPresent()) {
      return classifier.map(List::of);
    }
    if (classes && !pools && layers == 2 && is(config, "activation_function", TANH)) {
      return pooler.flatMap(p -> classifier.map(c -> List.of(p, c)));
    }
    return Optional.empty();
  }

  private static boolean is(JsonObject config, String field, String value) {
    return AdapterHubConfig.text(config, field).equals(value);
  }

  /** The head that an adapter has which trains a model's pooler and classifier whole. */
  static Optional<AdapterHubHead> of(Adapter adapter, TransformerModel model) {
    boolean trained =
        linear(model, Role.POOLER)
            .map(pooler -> adapter.rewrites().stream().anyMatch(r -> r.site() == pooler.weight()))
            .orElse(false);
    if (!trained || model.task().type() != Task.Type.SEQ_CLS) {
      return Optional.empty();
    }
    JsonObject config = new JsonObject();
    config.addProperty("activation_function", TANH);
    config.addProperty("bias", true);
    config.add("dropout_prob", JsonNull.INSTANCE);
    config.addProperty("head_type", "classification");
    config.add("label2id", labels(model));
    config.addProperty("layers", 2);
    config.addProperty("num_labels", model.task().labels().size());
    config.addProperty("use_pooler", false);
    return modules(config, model).map(of -> new AdapterHubHead(of, adapter.name(), config));
  }

  private static Optional<LinearSite> linear(TransformerModel model, Role role) {
    return model
        .sites()
        .filter(LinearSite.class::isInstance)
        .map(LinearSite.class::cast)
        .filter(site -> site.role() == role)
        .findFirst();
  }

  /** The numbers of a model's classes by name. */
  static JsonObject labels(TransformerModel model) {
    JsonObject numbers = new JsonObject();
    List<String> labels = model.task().labels();
    for (int i = 0; i < labels.size(); i++) {
      numbers.addProperty(labels.get(i), i);
    }
    return numbers;
  }

  /**
   * The names of the head's tensors in the file by those of the model's parameters. The library
   * numbers maps, dropouts before them and activations between them.
   */
  Map<String, String> names() {
    Map<String, String> names = new LinkedHashMap<>();
    for (int i = 0; i < modules.size(); i++) {
      for (String part : List.of(".weight", ".bias")) {
        names.put(modules.get(i).name() + part, "heads." + name + "." + (3 * i + 1) + part);
      }
    }
    return names;
  }
}
