package io.github.peft4j.methods.poly;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.data.TaskExample;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.Map;

/**
 * y = W x + b + B(t) A(t) x / r for a text of task t. A(t) and B(t) are sums over the skills, with
 * weights p = z / Σ z. z is σ(l) of the task's logits l; in training it is drawn from a relaxed
 * Bernoulli distribution with these logits and temperature 1. Each of q splits of inputs and
 * outputs has weights of its own.
 */
final class PolyLinear extends TunerLayer<NDArray, NDArray> {

  private static final Kernel WEIGHTS =
      Kernel.of(
          """
          def weights(logits: Tensor, tasks: Tensor, rows: Tensor) -> Tensor:  # logits (t, q · s)
              l = torch.reshape(torch.index_select(logits, 0, tasks), [-1, {splits}, {skills}])
              z = torch.sigmoid(l)                                             # (b or 1, q, s)
              if {training}:
                  z = torch.expand(z, [int(rows), {splits}, {skills}])
                  eps = 1.1920928955078125e-07
                  if z.dtype == 7:
                      eps = 2.220446049250313e-16
                  p = torch.clamp(z, eps, 1.0 - eps)
                  u = torch.clamp(torch.rand_like(p), eps, 1.0 - eps)
                  drawn = torch.sub(torch.log(u), torch.log1p(torch.neg(u)))
                  odds = torch.sub(torch.log(p), torch.log1p(torch.neg(p)))
                  z = torch.sigmoid(torch.add(drawn, odds))
              return torch.div(z, torch.add(torch.sum(z, [-1], True), 1e-12))
          """);
  private static final Kernel ADD =
      Kernel.of(
          """
          def add(y: Tensor, x: Tensor, p: Tensor, a: Tensor, b: Tensor) -> Tensor:  # x (b, …, in)
              size = torch.size(p, 0)
              mixed = torch.einsum("bqs,qsdr->bqdr", [p, a])
              down = torch.reshape(mixed, [size, -1, {r}])                           # (b, in, r)
              mixed = torch.permute(torch.einsum("bqs,qsrd->bqrd", [p, b]), [0, 2, 1, 3])
              up = torch.reshape(mixed, [size, {r}, -1])                             # (b, r, out)
              rows = torch.reshape(x, [torch.size(x, 0), -1, torch.size(x, -1)]).to(a.dtype)
              change = torch.div(torch.matmul(torch.matmul(rows, down), up), {r})
              return torch.add(y, torch.reshape(change, torch.size(y)).to(y.dtype))
          """);

  private final LinearSite site;
  private final int tasks;
  private final Trainable logits;
  private final Trainable a;
  private final Trainable b;
  private final Kernel weights;
  private final Kernel add;

  /**
   * Creates a layer.
   *
   * @param a (q, s, in / q, r)
   * @param b (q, s, r, out / q)
   * @param logits (t, q · s)
   */
  PolyLinear(LinearSite site, PolyConfig config, NDArray a, NDArray b, NDArray logits) {
    this.site = site;
    this.tasks = config.nTasks();
    this.a = trainable("poly_lora_A", a);
    this.b = trainable("poly_lora_B", b);
    this.logits = trainable("poly_router.module_logits", logits);
    this.weights = WEIGHTS.with("splits", config.nSplits()).with("skills", config.nSkills());
    this.add = ADD.with("r", config.r());
  }

  @Override
  public String whyOneTextPerRow() {
    return "Poly has weights of its own for each task, and a row has one";
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) {
    ForwardContext context = base.context();
    long rows = x.getShape().get(0);
    NDArray p =
        weights
            .with("training", isTraining(context) ? "True" : "False")
            .call(logits.value(), tasks(context, rows), Tensors.scalar(rows));
    return add.call(base.forward(x), x, p, a.value(), b.value());
  }

  /** The task of each row: (b) or (1). */
  private NDArray tasks(ForwardContext context, long rows) {
    NDArray given = context.rowValue(TaskExample.TASK_IDS);
    if (given == null) {
      if (tasks == 1) {
        return Tensors.longs(context.ids().getManager(), 0);
      }
      throw noTask();
    }
    check(given, rows);
    return given;
  }

  private void check(NDArray given, long rows) {
    long count = given.getShape().get(0);
    if (count != 1 && count != rows) {
      throw new IllegalArgumentException(
          "%s reads %d rows, but the batch has tasks for %d texts: Poly needs modules that read a row for each text; exclude it"
              .formatted(site.name(), rows, count));
    }
    for (long task : given.toLongArray()) {
      check(task);
    }
  }

  private void check(long task) {
    if (task < 0 || task >= tasks) {
      throw new IllegalArgumentException(
          "a text is of task %d, but the adapter is for %d tasks, 0 to %d"
              .formatted(task, tasks, tasks - 1));
    }
  }

  private IllegalArgumentException noTask() {
    return new IllegalArgumentException(
        "the adapter is for %d tasks, and nothing says which the texts are of: train and validate on examples with a task, Table.tasks or TaskExample, and call model.using(name).onTask(task)"
            .formatted(tasks));
  }

  @Override
  public void checkRowValues(Map<String, Long> numbers) {
    Long task = numbers.get(TaskExample.TASK_IDS);
    if (task != null) {
      check(task);
    } else if (tasks > 1) {
      throw noTask();
    }
  }
}
