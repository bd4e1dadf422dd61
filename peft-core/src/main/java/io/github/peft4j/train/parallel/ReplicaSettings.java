package io.github.peft4j.train.parallel;

import io.github.peft4j.TextModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.optimizer.Optimizer;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.tuner.training.ParameterGroup;
import io.github.peft4j.tuner.training.TrainingRule;
import java.util.function.Function;

/**
 * How an adapter is trained, on each device alike.
 *
 * @param activations what is done with them until the backward pass
 * @param keptStates the most bytes of frozen states that a device keeps over epochs, or 0
 * @param rule the training's rule
 * @param usual the learning rate and the weight decay of tensors that the rule leaves as they are
 * @param clipNorm the largest norm of all gradients together, or 0 for no limit
 * @param optimizer the optimizer of an adapter
 * @param objective what is minimised, for a device's copy of the training
 */
public record ReplicaSettings(
    Activations activations,
    long keptStates,
    TrainingRule rule,
    ParameterGroup usual,
    double clipNorm,
    Function<Adapter, Optimizer.Settings> optimizer,
    Function<TextModel, Objective> objective) {}
