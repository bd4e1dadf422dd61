package io.github.peft4j.spark;

import io.github.peft4j.train.report.EvaluationEvent;
import io.github.peft4j.train.report.StartEvent;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import org.apache.spark.util.AccumulatorV2;

/** How far a training is, in words: an accumulator that the first task sets at each step. */
final class Progress extends AccumulatorV2<String, String> {

  private static final long serialVersionUID = 1;

  /** The name in Spark's UI. */
  static final String NAME = "peft4j training";

  private long step;
  private volatile String text = "";

  @Override
  public boolean isZero() {
    return text.isEmpty();
  }

  @Override
  public AccumulatorV2<String, String> copy() {
    Progress copy = new Progress();
    copy.step = step;
    copy.text = text;
    return copy;
  }

  @Override
  public void reset() {
    step = 0;
    text = "";
  }

  @Override
  public void add(String said) {
    text = said;
  }

  @Override
  public void merge(AccumulatorV2<String, String> other) {
    if (other instanceof Progress more && more.step >= step && !more.isZero()) {
      step = more.step;
      text = more.text;
    }
  }

  @Override
  public String value() {
    return text;
  }

  /** Sets the progress of a run. */
  TrainingListener listener() {
    return new TrainingListener() {
      private String stepped = "";
      private String evaluated = "";

      @Override
      public void onStart(StartEvent event) {
        step = event.stepsDone();
        stepped =
            step == 0
                ? "starts, %,d steps".formatted(event.totalSteps())
                : "goes on after step %,d of %,d".formatted(step, event.totalSteps());
        add(stepped);
      }

      @Override
      public void onStep(StepEvent event) {
        step = event.step();
        stepped =
            "step %,d of %,d, loss %.4f, %,.0f tokens/s"
                .formatted(event.step(), event.totalSteps(), event.loss(), event.tokensPerSecond());
        add(stepped + evaluated);
      }

      @Override
      public void onEvaluation(EvaluationEvent event) {
        evaluated = "; evaluated after step %,d: %s".formatted(event.step(), event.metrics());
        add(stepped + evaluated);
      }
    };
  }
}
