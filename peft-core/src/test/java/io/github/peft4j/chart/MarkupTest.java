package io.github.peft4j.chart;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.StringReader;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Element;
import org.xml.sax.InputSource;

class MarkupTest {

  @Test
  void textsComeBackAsTheyWereOrAsPictures() throws Exception {
    String text = "</script><script>alert('\"&\")</script> \u202Eשלום\r\n\t😀";
    String markup =
        new Markup().element("p", text + "\0\u001b\uD800\uFFFF", "title", text).toString();
    Element p =
        DocumentBuilderFactory.newInstance()
            .newDocumentBuilder()
            .parse(new InputSource(new StringReader(markup)))
            .getDocumentElement();
    assertThat(p.getTextContent()).isEqualTo(text + "␀␛\uFFFD\uFFFD");
    assertThat(p.getElementsByTagName("*").getLength()).isZero();
    assertThat(markup).doesNotContain("<script", "\0");
  }
}
