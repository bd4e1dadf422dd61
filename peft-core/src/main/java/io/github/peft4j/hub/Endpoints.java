package io.github.peft4j.hub;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Locale;
import java.util.regex.Pattern;

/** Addresses: which are taken, and which get the token. */
final class Endpoints {

  static final String HUB = "https://huggingface.co";

  private static final Pattern LOOPBACK =
      Pattern.compile("localhost|127(\\.\\d{1,3}){3}|\\[(0*:)*:0*1]|\\[::1]");

  private Endpoints() {}

  static URI parse(String text) {
    try {
      return new URI(text.strip().replaceAll("/+$", ""));
    } catch (URISyntaxException e) {
      throw new IllegalArgumentException(
          "HF_ENDPOINT is '" + text + "'; expected an address such as " + HUB, e);
    }
  }

  /**
   * Refuses an endpoint that is no address of a server.
   *
   * @throws IllegalArgumentException naming it
   */
  static void require(URI endpoint) {
    boolean web = isHttps(endpoint) || "http".equalsIgnoreCase(endpoint.getScheme());
    if (!web || endpoint.getHost() == null || endpoint.getUserInfo() != null) {
      throw new IllegalArgumentException(
          "the hub's endpoint is "
              + shown(endpoint)
              + "; expected https:// or http:// and a host, without a user, such as "
              + HUB);
    }
  }

  static boolean isHttps(URI uri) {
    return "https".equalsIgnoreCase(uri.getScheme());
  }

  /** Whether an address is on this machine, judged by its text: a name server might lie. */
  static boolean isLoopback(URI uri) {
    return uri.getHost() != null
        && LOOPBACK.matcher(uri.getHost().toLowerCase(Locale.ROOT)).matches();
  }

  /** Whether nobody on the way can read what is sent. */
  static boolean isPrivate(URI uri) {
    return isHttps(uri) || isLoopback(uri);
  }

  /** Whether two addresses have the same scheme, host and port. */
  static boolean isSameOrigin(URI one, URI other) {
    return one.getScheme().equalsIgnoreCase(other.getScheme())
        && one.getHost().equalsIgnoreCase(other.getHost())
        && port(one) == port(other);
  }

  private static int port(URI uri) {
    return uri.getPort() >= 0 ? uri.getPort() : isHttps(uri) ? 443 : 80;
  }

  /** An address without what may be secret: the query of a signed address, or a password. */
  static String shown(URI uri) {
    String port = uri.getPort() < 0 ? "" : ":" + uri.getPort();
    return uri.getScheme()
        + "://"
        + uri.getHost()
        + port
        + (uri.getPath() == null ? "" : uri.getPath());
  }
}
