package io.github.peft4j.examples.bench.numerics;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import io.github.peft4j.examples.bench.Shape;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Compares the trainings of a fast setting with those that it promises to be like.
 *
 * <p>A promise that holds but for rounding is measured by rounding itself: how far apart oracles
 * are that differ by rounding alone. One has a higher precision, others an adapter that is rounded
 * otherwise at first. A training makes such differences larger, by an amount that is chance. The
 * fast computation is let go twice as far as the oracles go, since one more of them could. The
 * first gradients do not depend on chance: they are measured by the oracle in a higher precision. A
 * promise of the same bits is measured by the same setting in a second process: they are equal,
 * unless the device's own operators are not.
 *
 * @param line JSON
 * @param holds whether the promise is kept
 */
public record Comparison(String line, boolean holds) {

  /** How far chance is let go beyond the oracles. */
  private static final double CHANCE = 2;

  /** Compares a setting in all its trainings. */
  public static List<Comparison> of(Trainings trainings, Setting setting, Setting.Claim claim) {
    List<Comparison> comparisons = new ArrayList<>();
    for (Shape shape : trainings.shapes()) {
      for (String rows : trainings.rows(setting, shape)) {
        boolean even = rows.equals("even");
        Trajectory own = trainings.result(setting.name(), shape, even);
        Trajectory like = trainings.result(claim.like(), shape, even);
        Deviation deviation = Deviation.of(own, like);
        Deviation rounding =
            claim.exactly()
                ? Deviation.of(trainings.result(Setting.AGAIN, shape, even), like)
                : Deviation.ofPairs(
                        Setting.oracles().stream()
                            .map(name -> trainings.result(name, shape, even))
                            .toList())
                    .withGradient(
                        Deviation.of(like, trainings.result(Setting.HIGHER, shape, even)));
        boolean holds = deviation.isWithin(CHANCE, rounding);
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("case", "numerics");
        facts.put("setting", setting.name());
        facts.put("like", claim.like());
        facts.put("promise", claim.exactly() ? "same bits" : "same but for rounding");
        facts.put("holds", holds);
        facts.put("shape", shape.name());
        facts.put("rows", rows);
        facts.put("precision", setting.precisionName());
        facts.put("batch", trainings.batch());
        facts.put("length", trainings.length());
        facts.put("steps", trainings.steps());
        facts.put("deviation", deviation.numbers());
        facts.put("rounding", rounding.numbers());
        facts.put("first_loss", own.first());
        facts.put("loss", own.last());
        facts.put("step_ms", own.stepMillis());
        facts.put("step_ms_like", like.stepMillis());
        JsonObject line = new Gson().toJsonTree(facts).getAsJsonObject();
        own.machine().entrySet().forEach(fact -> line.add(fact.getKey(), fact.getValue()));
        comparisons.add(new Comparison(line.toString(), holds));
      }
    }
    return comparisons;
  }
}
