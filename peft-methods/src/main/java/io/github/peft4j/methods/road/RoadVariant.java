package io.github.peft4j.methods.road;

import io.github.peft4j.config.JsonChoice;

/** How many angles and scales a pair of outputs has: {@code variant}. */
public enum RoadVariant implements JsonChoice {
  /** One angle and one scale for the four elements of a pair's matrix. */
  ROAD_1("road_1", 1),
  /** An angle and a scale for each of its rows. */
  ROAD_2("road_2", 2),
  /** An angle and a scale for each of its elements. */
  ROAD_4("road_4", 4);

  private final String json;
  private final int perPair;

  RoadVariant(String json, int perPair) {
    this.json = json;
    this.perPair = perPair;
  }

  @Override
  public Object json() {
    return json;
  }

  /** The number of angles of a pair, which is that of its scales. */
  int perPair() {
    return perPair;
  }
}
