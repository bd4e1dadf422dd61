// Run it after `mvn -q package -DskipTests`, from the root of the repository:
//   jshell --class-path "peft-examples/target/classes:$(cat peft-examples/target/classpath.txt)" docs/notebooks/quickstart.jsh
import io.github.peft4j.*;
import io.github.peft4j.data.*;
import io.github.peft4j.examples.*;
import io.github.peft4j.methods.lora.*;
import io.github.peft4j.train.*;

var sentences = LanguageToolExamples.load();
var model = MiniLm.load("acceptable", "unacceptable").adapt(LoraConfig.ofRank(8).loraAlpha(16).targetModules("query", "value").modulesToSave("pooler"));
System.out.println(model.trainableParameters());
var report = FineTuner.of(model).on(sentences.train().shuffle(1).take(128)).validateOn(sentences.test().take(64)).epochs(1).batchSize(32).learningRate(1e-3).run();
System.out.println(report);
model.save("target/quickstart");

var again = MiniLm.load("acceptable", "unacceptable").loadAdapter("target/quickstart");
System.out.println(again.classify("She have lived here for years."));
System.out.println("quickstart: ok");
/exit
