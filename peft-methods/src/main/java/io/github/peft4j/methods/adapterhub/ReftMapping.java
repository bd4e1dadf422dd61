package io.github.peft4j.methods.adapterhub;

import com.google.gson.JsonObject;
import io.github.peft4j.adapter.adapterhub.AdapterHubMapping;
import io.github.peft4j.methods.reft.ReftConfig;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.site.Rewrite;
import io.github.peft4j.tuner.site.Site;
import java.util.List;

/**
 * ReFT in AdapterHub's files. The library forgets to write {@code subtract_projection}, so that its
 * folders of DiReFT say NoReFT. It reads the field, which is written here where it is false.
 */
public final class ReftMapping implements AdapterHubMapping<ReftConfig> {

  @Override
  public Class<ReftConfig> configType() {
    return ReftConfig.class;
  }

  @Override
  public String architecture() {
    return "reft";
  }

  @Override
  public JsonObject write(ReftConfig config, List<Rewrite> rewrites, TransformerModel model) {
    JsonObject fields = AdapterHubMapping.super.write(config, rewrites, model);
    if (config.subtractProjection()) {
      fields.remove("subtract_projection");
    }
    return fields;
  }

  @Override
  public List<String> names(Site<?, ?> site, String key, String adapter, String modelType) {
    return List.of(site.name() + ".reft_layer.refts." + adapter + "." + key);
  }
}
