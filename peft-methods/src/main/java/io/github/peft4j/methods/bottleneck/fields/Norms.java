package io.github.peft4j.methods.bottleneck.fields;

import io.github.peft4j.config.ConfigPart;
import io.github.peft4j.withers.Withers;

/**
 * The fields of a bottleneck adapter for norms, and for the residuals around them.
 *
 * @param originalLnBefore true if a serial adapter reads the normalised sum of its branch and the
 *     stream, false if it reads only the branch
 * @param residualBeforeLn with originalLnBefore, the term that the adapter's output is added to
 * @param lnBefore whether the adapter starts with a norm of its own
 * @param lnAfter whether the adapter ends with a norm of its own
 * @param adapterResidualBeforeLn whether a serial adapter's residual is added before that last norm
 */
@Withers
public record Norms(
    boolean originalLnBefore,
    Residual residualBeforeLn,
    boolean lnBefore,
    boolean lnAfter,
    boolean adapterResidualBeforeLn)
    implements ConfigPart, NormsWithers {}
