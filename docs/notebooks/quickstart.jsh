// Run it after `mvn -q package -DskipTests`, from the root of the repository:
//   jshell --class-path "peft-examples/target/classes:$(cat peft-examples/target/classpath.txt)" docs/notebooks/quickstart.jsh
import io.github.peft4j.*;
import io.github.peft4j.data.*;
import io.github.peft4j.data.reader.*;
import io.github.peft4j.methods.lora.*;
import io.github.peft4j.pretrained.*;
import io.github.peft4j.train.*;
import io.github.peft4j.train.evaluation.*;

var tickets = "docs/notebooks/";
var saved = "target/quickstart";

var train = Csv.read(tickets + "tickets-train.csv").text("text").label("label");
var test = Csv.read(tickets + "tickets-test.csv").text("text").label("label");
var model = MiniLm.load("billing", "shipping", "technical").adapt(LoraConfig.ofRank(8).loraAlpha(16).targetModules("query", "value").modulesToSave("pooler"));
System.out.println(model.trainableParameters());

var report = FineTuner.of(model).on(train).validateOn(test).epochs(8).batchSize(16).learningRate(1e-3).run();
System.out.println(report);

model.save(saved);
var again = MiniLm.load("billing", "shipping", "technical").loadAdapter(saved);
var answer = again.classify("My package still has not come");
System.out.println(answer);

var accuracy = report.finalMetrics().orElseThrow().get(Metrics.ACCURACY);
var right = accuracy >= 0.85 && answer.best().getClassName().equals("shipping");
System.out.println(right ? "quickstart: ok" : "quickstart: failed, accuracy " + accuracy + ", " + answer);
/exit
