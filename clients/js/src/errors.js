/** What goes wrong, by meaning. */

/** Refusals that say "later". */
export const PASSING = new Set(["NETWORK", "RATE_LIMITED", "BUSY", "UNAVAILABLE", "NOT_SUBSCRIBED"]);

/** A refusal by the server, or `NETWORK`, `CLOSED`, `SIGNED_OUT`, `OUTBOX_FULL`, `NO_ANSWER`, which are this client's own. */
export class DuologueError extends Error {
  /**
   * @param {string} code one of the server's closed list, or of those above
   * @param {string} message for people
   * @param {{status?: number, retryAfter?: number, details?: {field: string, message: string}[], cause?: unknown}} [more]
   */
  constructor(code, message, { status = 0, retryAfter, details = [], cause } = {}) {
    super(message, { cause });
    this.name = "DuologueError";
    this.code = code;
    /** The HTTP status; 0 where there was none. */
    this.status = status;
    /** Seconds after which it may be tried again. */
    this.retryAfter = retryAfter;
    /** The fields that are wrong. */
    this.details = details;
  }
}

/** @param {unknown} error @returns {DuologueError} */
export const asError = (error) =>
  error instanceof DuologueError ? error : new DuologueError("INTERNAL", String(error), { cause: error });
