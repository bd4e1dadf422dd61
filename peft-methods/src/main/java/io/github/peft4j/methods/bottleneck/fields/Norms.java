package io.github.peft4j.methods.bottleneck.fields;

import io.github.peft4j.config.ConfigPart;
import io.github.peft4j.withers.Withers;

/**
 * The fields of a bottleneck adapter about norms, and the residuals around them.
 *
 * @param originalLnBefore whether a serial adapter reads the normalised sum of its branch and the
 *     stream, and not the branch alone
 * @param residualBeforeLn what its output is added to then
 * @param lnBefore whether the adapter has a norm of its own in front
 * @param lnAfter whether it has one behind
 * @param adapterResidualBeforeLn whether a serial adapter's residual is added before that norm
 */
@Withers
public record Norms(
    boolean originalLnBefore,
    Residual residualBeforeLn,
    boolean lnBefore,
    boolean lnAfter,
    boolean adapterResidualBeforeLn)
    implements ConfigPart, NormsWithers {}
