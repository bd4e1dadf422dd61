package io.github.peft4j.config;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.annotations.SerializedName;
import io.github.peft4j.io.JsonFile;
import java.lang.reflect.RecordComponent;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Converts configs between records and {@code adapter_config.json}.
 *
 * <p>Each config class has a resource {@code adapter_config.json} in its package, which lists the
 * fields of PEFT's config with PEFT's defaults. peft4j does not support the fields that the record
 * lacks: they are written with their defaults, and a file with another value is refused.
 */
public final class ConfigJson {

  /** The name of a config's file. */
  public static final String FILE = "adapter_config.json";

  private static final Logger LOG = LoggerFactory.getLogger(ConfigJson.class);

  /** Fields that every adapter_config.json has, whatever the method. */
  static final Set<String> COMMON =
      Set.of(
          "auto_mapping",
          "base_model_name_or_path",
          "inference_mode",
          "modules_to_save",
          "peft_type",
          "peft_version",
          "revision",
          "task_type");

  private ConfigJson() {}

  /** JSON text in PEFT's style: sorted keys, an indent of two spaces. */
  public static String text(Map<String, JsonElement> fields) {
    return JsonFile.sorted(fields);
  }

  /** All fields of a config, with the defaults of the fields that the record lacks. */
  public static Map<String, JsonElement> fields(PeftConfig config) {
    Map<String, JsonElement> fields = new LinkedHashMap<>();
    JsonObject defaults = defaults(config.getClass());
    defaults.entrySet().forEach(e -> fields.put(e.getKey(), e.getValue()));
    Map<String, @Nullable Object> values = Records.values(config);
    for (RecordComponent component : Records.fields(config.getClass())) {
      String field = field(component);
      JsonElement written = ConfigValues.write(values.get(component.getName()));
      fields.put(field, ConfigValues.inStyleOf(defaults.get(field), written));
    }
    return fields;
  }

  /**
   * All fields of a config that was read from a file. A value that has not changed since keeps the
   * file's spelling, such as 8.0 for 8 or a single name for a list of one.
   *
   * @param file the file's fields
   */
  public static Map<String, JsonElement> fields(PeftConfig config, Map<String, JsonElement> file) {
    Map<String, JsonElement> fields = fields(config);
    Map<String, @Nullable Object> values = Records.values(config);
    Map<String, RecordComponent> components = new HashMap<>();
    Records.fields(config.getClass()).forEach(c -> components.put(field(c), c));
    file.forEach(
        (field, element) -> {
          RecordComponent component = components.get(field);
          boolean unchanged =
              component == null
                  ? fields.containsKey(field) || COMMON.contains(field)
                  : Objects.equals(read(component, element, FILE), values.get(component.getName()));
          if (unchanged) {
            fields.put(field, element);
          }
        });
    return fields;
  }

  /**
   * Whether an adapter's files may hold fully trained modules. For a method whose config has no
   * field for them, such as trainable tokens, PEFT saves none, not even a classifier.
   */
  public static boolean savesModules(JsonObject json, PeftConfig config) {
    String field = "modules_to_save";
    return json.has(field) || defaults(config.getClass()).has(field);
  }

  /** A config with PEFT's defaults. */
  public static <C extends PeftConfig> C withDefaults(Class<C> type) {
    return read(type, new JsonObject(), type.getSimpleName());
  }

  /**
   * Reads a config.
   *
   * @param source the name of the file in errors
   */
  public static <C extends PeftConfig> C read(Class<C> type, JsonObject json, String source) {
    JsonObject defaults = defaults(type);
    Set<String> supported = new TreeSet<>();
    Map<String, @Nullable Object> values = new HashMap<>();
    for (RecordComponent component : Records.fields(type)) {
      String field = field(component);
      supported.add(field);
      JsonElement value = json.has(field) ? json.get(field) : defaults.get(field);
      if (value == null) {
        throw new IllegalArgumentException(source + ": field '" + field + "' is missing");
      }
      values.put(component.getName(), read(component, value, source));
    }
    for (String field : json.keySet()) {
      if (supported.contains(field) || COMMON.contains(field)) {
        continue;
      }
      JsonElement value = json.get(field);
      JsonElement usual = defaults.get(field);
      if (usual == null) {
        LOG.warn("{}: field '{}' = {} is unknown and ignored", source, field, value);
      } else if (!same(usual, value)) {
        throw new UnsupportedMethodException(
            source
                + ": field '"
                + field
                + "' is "
                + value
                + ", which peft4j does not support; expected "
                + usual);
      }
    }
    try {
      return Records.of(type, values::get);
    } catch (UnsupportedMethodException e) {
      throw e;
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(source + ": " + e.getMessage(), e);
    }
  }

  private static @Nullable Object read(
      RecordComponent component, JsonElement value, String source) {
    String field = field(component);
    if (value.isJsonNull() && !component.getAnnotatedType().isAnnotationPresent(Nullable.class)) {
      return ConfigValues.none(component.getType(), source, field);
    }
    return ConfigValues.read(component.getGenericType(), value, source, field);
  }

  private static JsonObject defaults(Class<?> type) {
    return JsonFile.resource(type, FILE);
  }

  private static boolean same(JsonElement a, JsonElement b) {
    boolean emptyA = a.isJsonNull() || (a.isJsonObject() && a.getAsJsonObject().isEmpty());
    boolean emptyB = b.isJsonNull() || (b.isJsonObject() && b.getAsJsonObject().isEmpty());
    return a.equals(b) || (emptyA && emptyB);
  }

  /** A component's name in the file: Gson's {@code SerializedName}, or its own in snake case. */
  public static String field(RecordComponent component) {
    SerializedName given = component.getAccessor().getAnnotation(SerializedName.class);
    return given != null
        ? given.value()
        : component
            .getName()
            .replaceAll("([A-Z])([A-Z][a-z])", "$1_$2")
            .replaceAll("([a-z0-9])([A-Z])", "$1_$2")
            .toLowerCase(Locale.ROOT);
  }
}
