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
 * One of the library's own heads ({@code heads/base.py}) that computes the same as a model's usual
 * head. For sequence classification this is a map of the first token, tanh and a second map (pooler
 * and classifier), or one map of the pooled token. For token classification it is one map.
 *
 * @param modules the model's modules in the head, the classifier last
 * @param name the head's name
 * @param config the content of head_config.json
 */
record AdapterHubHead(List<LinearSite> modules, String name, JsonObject config) {

  private static final String TANH = "tanh";

  /** The head that a folder's head_config.json describes, if the model has an equivalent. */
  static Optional<AdapterHubHead> read(JsonObject json, TransformerModel model) {
    JsonElement config = json.get("config");
    String name = AdapterHubConfig.text(json, "name");
    if (config == null || !config.isJsonObject() || name.isEmpty()) {
      return Optional.empty(); // a head of the model's class, which has the model's names
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

  /** The head of an adapter that fully trains the model's pooler and classifier. */
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

  /** The ids of the model's classes by name. */
  static JsonObject labels(TransformerModel model) {
    JsonObject numbers = new JsonObject();
    List<String> labels = model.task().labels();
    for (int i = 0; i < labels.size(); i++) {
      numbers.addProperty(labels.get(i), i);
    }
    return numbers;
  }

  /**
   * The names of the head's tensors in the file, by the names of the model's parameters. The
   * library numbers all modules of a head: maps, dropouts before them and activations between them.
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
