package io.github.peft4j.methods.selective;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * Which tensors of a model: parts of it, added to and taken from each other.
 *
 * <pre>{@code
 * Select.topLayers(2).plus(Select.head())
 * Select.crossAttention().plus(Select.embeddings().within(Select.encoder()))
 * Select.all().minus(Select.embeddings())
 * }</pre>
 *
 * <p>In {@code adapter_config.json} a part is a word or an object of one field: {@code "head"},
 * {@code {"top_layers": 2}}, {@code {"plus": [{"top_layers": 2}, "head"]}}.
 */
public final class Select {

  private static final Map<String, Function<Parts, Set<ParameterSite>>> WORDS =
      Map.of(
          "all", Parts::all,
          "embeddings", Parts::embeddings,
          "encoder", parts -> parts.side(0),
          "decoder", parts -> parts.side(1),
          "cross_attention", Parts::crossAttention,
          "norms", Parts::norms,
          "biases", Parts::biases,
          "head", Parts::head);

  private static final Map<String, BiConsumer<Set<ParameterSite>, Set<ParameterSite>>> OPERATIONS =
      Map.of("plus", Set::addAll, "minus", Set::removeAll, "within", Set::retainAll);

  private static final String LAYERS = "layers";
  private static final String TOP_LAYERS = "top_layers";
  private static final String NAMES = "names";

  private final JsonElement json;
  private final Function<Parts, Set<ParameterSite>> meaning;

  private Select(JsonElement json, Function<Parts, Set<ParameterSite>> meaning) {
    this.json = json;
    this.meaning = meaning;
  }

  /** Every tensor. */
  public static Select all() {
    return word("all");
  }

  /** What a stack has before its layers: tables of tokens and positions, their norm, their map. */
  public static Select embeddings() {
    return word("embeddings");
  }

  /** The encoder of an encoder-decoder, with its embeddings, also if the decoder shares them. */
  public static Select encoder() {
    return word("encoder");
  }

  /** The decoder of an encoder-decoder, with its embeddings, also if the encoder shares them. */
  public static Select decoder() {
    return word("decoder");
  }

  /** A decoder's attention over its encoder: the four maps and the norm. */
  public static Select crossAttention() {
    return word("cross_attention");
  }

  /** Scales and shifts of all norms. */
  public static Select norms() {
    return word("norms");
  }

  /** All biases, those of norms included. */
  public static Select biases() {
    return word("biases");
  }

  /** The head of the task, with the pooler; not an output map that shares the token table. */
  public static Select head() {
    return word("head");
  }

  /**
   * Some layers of each stack.
   *
   * @param indices from 0, the layer next to the embeddings
   */
  public static Select layers(int... indices) {
    List<Integer> chosen = IntStream.of(indices).boxed().toList();
    JsonArray numbers = new JsonArray();
    chosen.forEach(numbers::add);
    return field(LAYERS, numbers, parts -> parts.layers(chosen));
  }

  /**
   * The last layers of each stack.
   *
   * @param count their number, from 1
   */
  public static Select topLayers(int count) {
    return field(TOP_LAYERS, new JsonPrimitive(count), parts -> parts.topLayers(count));
  }

  /**
   * Tensors by name.
   *
   * @param expression a regular expression that matches a tensor's whole name, such as {@code
   *     .*\.q_proj\.weight}
   */
  public static Select names(String expression) {
    Pattern pattern = TargetModules.pattern(NAMES, "", expression, "");
    return field(
        NAMES,
        new JsonPrimitive(expression),
        parts -> parts.tensors(name -> pattern.matcher(name).matches()));
  }

  /** The tensors of this, and those of others. */
  public Select plus(Select other) {
    return combined("plus", List.of(this, other));
  }

  /** The tensors of this that are not those of another. */
  public Select minus(Select other) {
    return combined("minus", List.of(this, other));
  }

  /** The tensors of this that are also those of another. */
  public Select within(Select other) {
    return combined("within", List.of(this, other));
  }

  /**
   * The tensors, in the model's order.
   *
   * @throws IllegalArgumentException if a part chooses nothing; the message names it
   */
  public List<ParameterSite> of(Sites sites) {
    Set<ParameterSite> chosen = in(new Parts(sites));
    return sites.all(ParameterSite.class).stream().filter(chosen::contains).toList();
  }

  private Set<ParameterSite> in(Parts parts) {
    Set<ParameterSite> chosen = meaning.apply(parts);
    if (chosen.isEmpty()) {
      throw new IllegalArgumentException(
          "SelectiveConfig: field 'select' has %s, which chooses no tensor of this model; expected a part that it has: %s"
              .formatted(json, parts));
    }
    return chosen;
  }

  private static Select word(String word) {
    Function<Parts, Set<ParameterSite>> meaning = WORDS.get(word);
    if (meaning == null) {
      throw new IllegalArgumentException(expected());
    }
    return new Select(new JsonPrimitive(word), meaning);
  }

  private static Select field(
      String name, JsonElement value, Function<Parts, Set<ParameterSite>> meaning) {
    JsonObject object = new JsonObject();
    object.add(name, value);
    return new Select(object, meaning);
  }

  /** Parts combined from the first to the last. */
  private static Select combined(String operation, List<Select> selects) {
    BiConsumer<Set<ParameterSite>, Set<ParameterSite>> apply = OPERATIONS.get(operation);
    if (apply == null || selects.size() < 2) {
      throw new IllegalArgumentException(expected());
    }
    JsonArray operands = new JsonArray();
    selects.forEach(select -> operands.add(select.json));
    return field(
        operation,
        operands,
        parts -> {
          Set<ParameterSite> chosen = new LinkedHashSet<>(selects.get(0).in(parts));
          for (Select next : selects.subList(1, selects.size())) {
            apply.accept(chosen, next.in(parts));
          }
          return chosen;
        });
  }

  /** The value in adapter_config.json. */
  public JsonElement toJson() {
    return json;
  }

  /** Reads the value of adapter_config.json. */
  public static Select fromJson(JsonElement json) {
    if (json.isJsonPrimitive() && json.getAsJsonPrimitive().isString()) {
      return word(json.getAsString());
    }
    if (!json.isJsonObject() || json.getAsJsonObject().size() != 1) {
      throw new IllegalArgumentException(expected());
    }
    Map.Entry<String, JsonElement> field = json.getAsJsonObject().entrySet().iterator().next();
    JsonElement value = field.getValue();
    try {
      return switch (field.getKey()) {
        case LAYERS -> layers(numbers(value.getAsJsonArray()));
        case TOP_LAYERS -> topLayers(number(value));
        case NAMES -> names(value.getAsString());
        default -> combined(field.getKey(), selects(value.getAsJsonArray()));
      };
    } catch (IllegalStateException
        | ArithmeticException
        | NumberFormatException
        | UnsupportedOperationException e) {
      throw new IllegalArgumentException(expected(), e);
    }
  }

  private static int number(JsonElement value) {
    return value.getAsBigDecimal().intValueExact();
  }

  private static int[] numbers(JsonArray array) {
    return array.asList().stream().mapToInt(Select::number).toArray();
  }

  private static List<Select> selects(JsonArray array) {
    List<Select> selects = new ArrayList<>();
    array.forEach(element -> selects.add(fromJson(element)));
    return selects;
  }

  private static String expected() {
    return "one of %s, or an object of one field: {\"layers\": [0, 1]}, {\"top_layers\": 2}, {\"names\": \"regular expression\"}, or plus, minus or within with a list of such values"
        .formatted(WORDS.keySet().stream().sorted().toList());
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Select that && json.equals(that.json);
  }

  @Override
  public int hashCode() {
    return json.hashCode();
  }

  @Override
  public String toString() {
    return json.toString();
  }
}
