package io.github.peft4j;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.tuner.TargetModules;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Configs between records and {@code adapter_config.json}.
 *
 * <p>Beside each config class lies {@code adapter_config.json}: the fields of PEFT's config with
 * PEFT's defaults. Fields that the record has not are those peft4j does not support; they are
 * written as they stand there, and refused when a file says otherwise.
 */
final class ConfigJson {

  private static final Logger LOG = LoggerFactory.getLogger(ConfigJson.class);

  /** Fields of every adapter_config.json that are no method's. */
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

  private static final Gson PRETTY =
      new GsonBuilder().setPrettyPrinting().serializeNulls().disableHtmlEscaping().create();

  private ConfigJson() {}

  /** PEFT's text: sorted keys, two spaces. */
  static String text(Map<String, JsonElement> fields) {
    JsonObject sorted = new JsonObject();
    new TreeMap<>(fields).forEach(sorted::add);
    return PRETTY.toJson(sorted);
  }

  /** All fields of a config, with the defaults of those that the record lacks. */
  static Map<String, JsonElement> fields(PeftConfig config) {
    Map<String, JsonElement> fields = new LinkedHashMap<>();
    JsonObject defaults = defaults(config.getClass());
    defaults.entrySet().forEach(e -> fields.put(e.getKey(), e.getValue()));
    for (RecordComponent component : config.getClass().getRecordComponents()) {
      try {
        component.getAccessor().setAccessible(true);
        String field = snake(component.getName());
        JsonElement value = write(component.getAccessor().invoke(config));
        fields.put(field, inStyleOf(defaults.get(field), value));
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException(e);
      }
    }
    return fields;
  }

  /**
   * All fields of a config that was read from a file. What has not changed since stands as it stood
   * there: a module of its own where a list of one means the same, 8.0 where 8 does.
   *
   * @param file the file's fields
   */
  static Map<String, JsonElement> fields(PeftConfig config, Map<String, JsonElement> file) {
    Map<String, JsonElement> fields = fields(config);
    Map<String, Object> values = new HashMap<>();
    Map<String, Type> types = new HashMap<>();
    for (RecordComponent component : config.getClass().getRecordComponents()) {
      types.put(snake(component.getName()), component.getGenericType());
      values.put(snake(component.getName()), component(config, component.getName()));
    }
    file.forEach(
        (field, element) -> {
          Type type = types.get(field);
          boolean unchanged =
              type == null
                  ? fields.containsKey(field) || COMMON.contains(field)
                  : Objects.equals(
                      read(type, element, AdapterFiles.CONFIG, field), values.get(field));
          if (unchanged) {
            fields.put(field, element);
          }
        });
    return fields;
  }

  /** Python tells 8 from 8.0: a whole number is written without a point where the default is. */
  private static JsonElement inStyleOf(@Nullable JsonElement usual, JsonElement value) {
    boolean fraction = usual != null && usual.isJsonPrimitive() && usual.toString().contains(".");
    if (fraction || !value.isJsonPrimitive() || !value.getAsJsonPrimitive().isNumber()) {
      return value;
    }
    double number = value.getAsDouble();
    return number == Math.rint(number) ? new JsonPrimitive((long) number) : value;
  }

  /**
   * Whether an adapter's files may hold modules that were trained whole. PEFT saves none, not even
   * a classifier, with a method whose config has no field for them, such as trainable tokens.
   */
  static boolean savesModules(JsonObject json, PeftConfig config) {
    String field = "modules_to_save";
    return json.has(field) || defaults(config.getClass()).has(field);
  }

  /** A config with PEFT's defaults. */
  static <C extends PeftConfig> C withDefaults(Class<C> type) {
    return read(type, new JsonObject(), type.getSimpleName());
  }

  /**
   * Reads a config.
   *
   * @param source what errors call the file
   */
  static <C extends PeftConfig> C read(Class<C> type, JsonObject json, String source) {
    JsonObject defaults = defaults(type);
    RecordComponent[] components = type.getRecordComponents();
    Set<String> supported = new TreeSet<>();
    List<Object> arguments = new ArrayList<>();
    for (RecordComponent component : components) {
      String field = snake(component.getName());
      supported.add(field);
      JsonElement value = json.has(field) ? json.get(field) : defaults.get(field);
      if (value == null) {
        throw new IllegalArgumentException(source + ": field '" + field + "' is missing");
      }
      arguments.add(read(component.getGenericType(), value, source, field));
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
    return construct(type, arguments);
  }

  private static <C> C construct(Class<C> type, List<Object> arguments) {
    try {
      Class<?>[] types =
          Arrays.stream(type.getRecordComponents())
              .map(RecordComponent::getType)
              .toArray(Class<?>[]::new);
      Constructor<C> constructor = type.getDeclaredConstructor(types);
      constructor.setAccessible(true);
      return constructor.newInstance(arguments.toArray());
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException(e);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  /** A copy of a record with one component changed. */
  static <C> C with(C record, String component, @Nullable Object value) {
    List<Object> arguments = new ArrayList<>();
    boolean found = false;
    for (RecordComponent c : record.getClass().getRecordComponents()) {
      try {
        c.getAccessor().setAccessible(true);
        boolean changed = c.getName().equals(component);
        found |= changed;
        arguments.add(changed ? value : c.getAccessor().invoke(record));
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException(e);
      }
    }
    if (!found) {
      throw new IllegalArgumentException(record.getClass() + " has no component " + component);
    }
    @SuppressWarnings("unchecked")
    Class<C> type = (Class<C>) record.getClass();
    return construct(type, arguments);
  }

  /** The value of a component; null if there is none of this name. */
  static @Nullable Object value(Object record, String name) {
    boolean has =
        Arrays.stream(record.getClass().getRecordComponents())
            .anyMatch(component -> component.getName().equals(name));
    return has ? component(record, name) : null;
  }

  /** The value of a component. */
  static @Nullable Object component(Object record, String name) {
    for (RecordComponent c : record.getClass().getRecordComponents()) {
      if (c.getName().equals(name)) {
        try {
          c.getAccessor().setAccessible(true);
          return c.getAccessor().invoke(record);
        } catch (ReflectiveOperationException e) {
          throw new IllegalStateException(e);
        }
      }
    }
    throw new IllegalArgumentException(record.getClass() + " has no component " + name);
  }

  private static JsonObject defaults(Class<?> type) {
    try (InputStream in = type.getResourceAsStream("adapter_config.json")) {
      if (in == null) {
        throw new IllegalStateException(
            type.getPackageName() + " lacks the resource adapter_config.json with the defaults");
      }
      return JsonParser.parseReader(new InputStreamReader(in, StandardCharsets.UTF_8))
          .getAsJsonObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static boolean same(JsonElement a, JsonElement b) {
    boolean emptyA = a.isJsonNull() || (a.isJsonObject() && a.getAsJsonObject().isEmpty());
    boolean emptyB = b.isJsonNull() || (b.isJsonObject() && b.getAsJsonObject().isEmpty());
    return a.equals(b) || (emptyA && emptyB);
  }

  private static @Nullable Object read(Type type, JsonElement value, String source, String field) {
    if (value.isJsonNull()) {
      if (type instanceof Class<?> raw && raw.isPrimitive()) {
        throw wrong(source, field, value, "a value");
      }
      return null;
    }
    try {
      if (type == int.class || type == Integer.class) {
        return value.getAsBigDecimal().intValueExact();
      }
      if (type == double.class || type == Double.class) {
        return finite(value);
      }
      if (type == boolean.class || type == Boolean.class) {
        if (!value.isJsonPrimitive() || !value.getAsJsonPrimitive().isBoolean()) {
          throw wrong(source, field, value, "true or false");
        }
        return value.getAsBoolean();
      }
      if (type == String.class) {
        return value.getAsString();
      }
      if (type == TargetModules.class) {
        return value.isJsonArray()
            ? TargetModules.of(strings(value))
            : TargetModules.matching(value.getAsString());
      }
      if (type instanceof ParameterizedType generic) {
        return readGeneric(generic, value);
      }
      if (type instanceof Class<?> raw) {
        return raw.isEnum() && !hasJson(raw)
            ? readEnum(raw, value, source, field)
            : raw.getMethod("fromJson", JsonElement.class).invoke(null, value);
      }
    } catch (InvocationTargetException e) {
      Throwable cause = Objects.requireNonNullElse(e.getCause(), e);
      String message = String.valueOf(cause.getMessage());
      throw cause instanceof UnsupportedMethodException
          ? new UnsupportedMethodException(
              source + ": field '" + field + "' is " + value + "; " + message)
          : wrong(source, field, value, message);
    } catch (IllegalStateException
        | ArithmeticException
        | NumberFormatException
        | UnsupportedOperationException
        | ReflectiveOperationException e) {
      throw wrong(source, field, value, "a " + type.getTypeName());
    }
    throw new IllegalStateException("config components cannot be of " + type);
  }

  private static double finite(JsonElement value) {
    double number = value.getAsBigDecimal().doubleValue();
    if (!Double.isFinite(number)) {
      throw new NumberFormatException(value + " is beyond the range of a double");
    }
    return number;
  }

  private static Object readGeneric(ParameterizedType generic, JsonElement value) {
    Type last = generic.getActualTypeArguments()[generic.getActualTypeArguments().length - 1];
    if (generic.getRawType() == List.class) {
      if (last == Integer.class) {
        List<Integer> numbers = new ArrayList<>();
        for (JsonElement e : value.isJsonArray() ? value.getAsJsonArray() : singleton(value)) {
          numbers.add(e.getAsBigDecimal().intValueExact());
        }
        return List.copyOf(numbers);
      }
      return strings(value);
    }
    Map<String, Object> map = new LinkedHashMap<>();
    for (Map.Entry<String, JsonElement> e : value.getAsJsonObject().entrySet()) {
      map.put(
          e.getKey(),
          last == Integer.class
              ? (Object) e.getValue().getAsBigDecimal().intValueExact()
              : (Object) finite(e.getValue()));
    }
    return map;
  }

  private static Object readEnum(Class<?> raw, JsonElement value, String source, String field) {
    for (Object constant : raw.getEnumConstants()) {
      if (constant.toString().equalsIgnoreCase(value.getAsString())) {
        return constant;
      }
    }
    throw wrong(
        source,
        field,
        value,
        "one of " + Arrays.toString(raw.getEnumConstants()).toLowerCase(Locale.ROOT));
  }

  private static boolean hasJson(Class<?> type) {
    return Arrays.stream(type.getMethods()).anyMatch(m -> m.getName().equals("toJson"));
  }

  private static List<String> strings(JsonElement value) {
    List<String> strings = new ArrayList<>();
    for (JsonElement e : value.isJsonArray() ? value.getAsJsonArray() : singleton(value)) {
      strings.add(e.getAsString());
    }
    return List.copyOf(strings);
  }

  private static JsonArray singleton(JsonElement value) {
    JsonArray array = new JsonArray();
    array.add(value);
    return array;
  }

  private static IllegalArgumentException wrong(
      String source, String field, JsonElement value, String expected) {
    return new IllegalArgumentException(
        source + ": field '" + field + "' is " + value + "; expected " + expected);
  }

  static JsonElement write(@Nullable Object value) {
    if (value == null) {
      return JsonNull.INSTANCE;
    }
    if (value instanceof Boolean flag) {
      return new JsonPrimitive(flag);
    }
    if (value instanceof Number number) {
      return new JsonPrimitive(number);
    }
    if (value instanceof String text) {
      return new JsonPrimitive(text);
    }
    if (value instanceof Enum<?> constant && !hasJson(value.getClass())) {
      return new JsonPrimitive(constant.toString());
    }
    if (value instanceof TargetModules targets) {
      return targets.suffixes() != null ? write(targets.suffixes()) : write(targets.expression());
    }
    if (value instanceof List<?> list) {
      JsonArray array = new JsonArray();
      list.forEach(element -> array.add(write(element)));
      return array;
    }
    if (value instanceof Map<?, ?> map) {
      JsonObject object = new JsonObject();
      map.forEach(
          (key, element) -> object.add(String.valueOf(key), inStyleOf(null, write(element))));
      return object;
    }
    try {
      return (JsonElement) value.getClass().getMethod("toJson").invoke(value);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("config components cannot be of " + value.getClass(), e);
    }
  }

  /** {@code loraAlpha} to {@code lora_alpha}; capitals of PEFT's own names stay: deltaT. */
  static String snake(String camel) {
    return switch (camel) {
      case "deltaT" -> "deltaT";
      case "applyGs" -> "apply_GS";
      default ->
          camel
              .replaceAll("([A-Z])([A-Z][a-z])", "$1_$2")
              .replaceAll("([a-z0-9])([A-Z])", "$1_$2")
              .toLowerCase(Locale.ROOT);
    };
  }
}
