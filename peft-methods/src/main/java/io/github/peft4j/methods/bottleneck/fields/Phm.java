package io.github.peft4j.methods.bottleneck.fields;

import com.google.gson.annotations.SerializedName;
import io.github.peft4j.config.ConfigPart;
import io.github.peft4j.withers.Withers;

/**
 * The fields of a bottleneck adapter whose maps are sums of Kronecker products, as in Compacter.
 *
 * @param phmLayer whether both maps are sums of Kronecker products
 * @param phmDim number p of products, above 0; it must divide the hidden state and the bottleneck;
 *     4
 * @param phmRank r, above 0; 1
 * @param phmBias whether the maps have biases
 * @param learnPhm whether the Aᵢ are trainable
 * @param sharedPhmRule whether all layers share the Aᵢ
 * @param factorizedPhmRule whether each Aᵢ is a product of rank 1
 * @param sharedWPhm whether all layers share the Bᵢ
 * @param factorizedPhmW whether each Bᵢ is a product of rank r
 * @param phmCInit how the Aᵢ are initialised
 * @param phmInitRange standard deviation of the initial values of shared Aᵢ, at least 0; 0.0001
 */
@Withers
public record Phm(
    boolean phmLayer,
    int phmDim,
    int phmRank,
    boolean phmBias,
    boolean learnPhm,
    boolean sharedPhmRule,
    boolean factorizedPhmRule,
    @SerializedName("shared_W_phm") boolean sharedWPhm,
    @SerializedName("factorized_phm_W") boolean factorizedPhmW,
    PhmInit phmCInit,
    double phmInitRange)
    implements ConfigPart, PhmWithers {}
