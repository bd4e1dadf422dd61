package io.github.peft4j.hub;

import java.net.URI;
import java.net.http.HttpHeaders;
import org.jspecify.annotations.Nullable;

/**
 * What a refusal of the hub means, and what to do. The hub answers 401 for a repository that is
 * missing, private or gated if nobody is signed in, so that codes alone say little.
 *
 * @param endpoint of the hub
 * @param id of the repository
 * @param revision that was asked for
 * @param withToken whether a token was sent
 */
record HubErrors(URI endpoint, String id, String revision, boolean withToken) {

  /** The repository is there, its revision is not. A cached snapshot is not used then. */
  static final class NoSuchRevision extends HubException {
    private static final long serialVersionUID = 1L;

    NoSuchRevision(String message) {
      super(message);
    }
  }

  /**
   * The error for a response.
   *
   * @param uri that was asked, which may be of another host than the hub's
   */
  HubException of(URI uri, int status, HttpHeaders headers) {
    String code = headers.firstValue("X-Error-Code").orElse("");
    String message = headers.firstValue("X-Error-Message").orElse("");
    if (code.equals("RevisionNotFound")) {
      return new NoSuchRevision(
          "%s on %s has no revision '%s'; its branches and tags are listed at %s/%s/tree/main"
              .formatted(id, endpoint.getHost(), revision, endpoint, id));
    }
    if (code.equals("EntryNotFound")) {
      return error(Endpoints.shown(uri) + " is missing, though the repository lists it");
    }
    if (code.equals("GatedRepo")) {
      return error(
          "it is gated. Accept its licence at %s/%s with your account, and %s"
              .formatted(
                  endpoint,
                  id,
                  withToken
                      ? "check that the token is of that account and may read gated repositories"
                      : signIn()));
    }
    if (message.startsWith("Invalid credentials")) {
      return error(
          "the token is not valid. Make another one at "
              + endpoint
              + "/settings/tokens and "
              + signIn());
    }
    if (!Endpoints.isSameOrigin(uri, endpoint)) {
      return answer(uri, status, message);
    }
    if (code.equals("RepoNotFound") || status == 401 || status == 404) {
      return error(
          withToken
              ? "there is no such repository, or the account of the token may not read it. Check"
                  + " the spelling, and the token"
              : "there is no such repository, or it is private or gated. Check the spelling; if"
                  + " your account may read it, "
                  + signIn());
    }
    if (status == 403) {
      return error(
          "access is forbidden%s. %s"
              .formatted(
                  message.isEmpty() ? "" : " (" + message + ")",
                  withToken
                      ? "Check that the token may read this repository"
                      : "If your account may read it, " + signIn()));
    }
    return answer(uri, status, message);
  }

  private HubException answer(URI uri, int status, String message) {
    return error(
        "%s answers %d%s; expected the repository's files. Check HF_ENDPOINT and the proxy"
            .formatted(
                Endpoints.shown(uri), status, message.isEmpty() ? "" : " (" + message + ")"));
  }

  private static String signIn() {
    return "set HF_TOKEN to its token, or call 'hf auth login' once";
  }

  HubException error(String what) {
    return error(what, null);
  }

  HubException error(String what, @Nullable Throwable cause) {
    return new HubException("%s on %s: %s".formatted(id, endpoint.getHost(), what), cause);
  }
}
