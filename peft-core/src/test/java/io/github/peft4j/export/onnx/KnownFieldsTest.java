package io.github.peft4j.export.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.peft4j.embed.EmbeddingSettings;
import io.github.peft4j.transformer.block.AbsolutePositions;
import io.github.peft4j.transformer.block.Norm;
import io.github.peft4j.transformer.block.QueryKeyValue;
import io.github.peft4j.transformer.block.TransformerLayer;
import io.github.peft4j.transformer.checkpoint.Models;
import io.github.peft4j.transformer.family.AttentionSpec;
import io.github.peft4j.transformer.family.BranchSpec;
import io.github.peft4j.transformer.family.DisentangledSpec;
import io.github.peft4j.transformer.family.EmbeddingSpec;
import io.github.peft4j.transformer.family.FeedForwardSpec;
import io.github.peft4j.transformer.family.HeadSpec;
import io.github.peft4j.transformer.family.LayerSpec;
import io.github.peft4j.transformer.family.NormSpec;
import io.github.peft4j.transformer.family.PositionSpec;
import io.github.peft4j.transformer.family.ScoreBiasSpec;
import io.github.peft4j.transformer.family.Sizes;
import io.github.peft4j.transformer.family.StackSpec;
import io.github.peft4j.transformer.head.LanguageModelHead;
import io.github.peft4j.transformer.rope.RopeSpec;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * The fields of a family's records that the graph follows. A new field changes what a model
 * computes: write it as nodes or refuse it, test it in {@link OnnxHeadsTest}, and then name it
 * here.
 */
class KnownFieldsTest {

  private static final Map<Class<?>, String> FIELDS =
      Map.ofEntries(
          Map.entry(Models.Design.class, "stacks head"),
          Map.entry(
              StackSpec.class,
              "name prefix sizes causal embedding scoreBias limit layer norm finalNorm dropout"
                  + " projection transposed ignored"),
          Map.entry(Sizes.class, "hidden layers heads keyValueHeads head"),
          Map.entry(
              EmbeddingSpec.class,
              "tokens ownTokens dimension tableScale scale textScale tokenProjection types"
                  + " typeCount positions norm projection zeroPadding dropout"),
          Map.entry(PositionSpec.Learned.class, "table entries offset counting"),
          Map.entry(ScoreBiasSpec.Relative.class, "table buckets farthest bothWays"),
          Map.entry(
              LayerSpec.class,
              "name attention crossAttention feedForward residual scale attentionOutputDropout"
                  + " feedForwardOutputDropout"),
          Map.entry(
              AttentionSpec.class,
              "module projections fused output branch bias outputBias norms rope disentangled scale"
                  + " cap window dropout"),
          Map.entry(AttentionSpec.Norms.class, "query key wholeProjection"),
          Map.entry(
              DisentangledSpec.class,
              "table norm span farthest contentToPosition positionToContent query key dropout"),
          Map.entry(RopeSpec.class, "theta dimensions head scaling"),
          Map.entry(BranchSpec.class, "before after out residualAfterNorm"),
          Map.entry(FeedForwardSpec.class, "network inner activation branch bias dropout"),
          Map.entry(FeedForwardSpec.Network.Plain.class, "up down"),
          Map.entry(FeedForwardSpec.Network.Gated.class, "gate up down"),
          Map.entry(FeedForwardSpec.Network.FusedGated.class, "gateUp down"),
          Map.entry(NormSpec.class, "kind bias epsilon"),
          Map.entry(HeadSpec.class, "task suffix body pooling steps output"),
          Map.entry(HeadSpec.Step.Dense.class, "name bias size"),
          Map.entry(HeadSpec.Step.Activate.class, "function"),
          Map.entry(HeadSpec.Step.Norm.class, "name spec"),
          Map.entry(HeadSpec.Output.class, "name older biased bias isBuffer logits"),
          Map.entry(LanguageModelHead.Logits.class, "states factor cap"),
          Map.entry(
              EmbeddingSettings.class, "pooling normalized dense maxLength lowerCased prompt"),
          Map.entry(PositionSpec.class, "Learned Sinusoidal"),
          Map.entry(ScoreBiasSpec.class, "Relative Alibi"),
          Map.entry(FeedForwardSpec.Network.class, "Plain Gated FusedGated Mixture"),
          Map.entry(HeadSpec.Step.class, "Dropout Dense Activate Norm"),
          Map.entry(AbsolutePositions.Counting.class, "ALL UNMASKED NOT_PADDING"),
          Map.entry(QueryKeyValue.Fused.class, "CONCATENATED GROUPED"),
          Map.entry(TransformerLayer.Residual.class, "SEQUENTIAL PARALLEL"),
          Map.entry(Norm.Kind.class, "RMS RMS_ONE_PLUS LAYER"));

  @TestFactory
  Stream<DynamicTest> fields() {
    return FIELDS.entrySet().stream()
        .map(
            type ->
                DynamicTest.dynamicTest(
                    type.getKey().getName(),
                    () ->
                        assertThat(members(type.getKey()))
                            .containsExactlyInAnyOrder(type.getValue().split(" ", -1))));
  }

  /** The fields of a record, the kinds of a sealed interface, the constants of an enum. */
  private static String[] members(Class<?> type) {
    if (type.isRecord()) {
      return Arrays.stream(type.getRecordComponents())
          .map(RecordComponent::getName)
          .toArray(String[]::new);
    }
    return type.isEnum()
        ? Arrays.stream(type.getEnumConstants()).map(Object::toString).toArray(String[]::new)
        : Arrays.stream(type.getPermittedSubclasses())
            .map(Class::getSimpleName)
            .toArray(String[]::new);
  }
}
