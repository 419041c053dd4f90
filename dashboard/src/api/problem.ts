/** What the server answers instead of a success: an RFC 9457 problem document. */
import type { components } from "./schema";

type Document = components["schemas"]["Problem"];

export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly field: string | null;
  readonly fix: string | null;
  readonly fields: readonly { field: string; problem: string }[];
  readonly requestId: string | null;
  readonly retryAfter: number | null;

  constructor(found: Partial<Document> & { status: number }) {
    super(found.problem ?? found.detail ?? found.title ?? "The server did not answer.");
    this.name = "Problem";
    this.status = found.status;
    this.code = found.code ?? "";
    this.field = found.field ?? null;
    this.fix = found.fix ?? null;
    this.fields = found.errors ?? [];
    this.requestId = found.request_id ?? null;
    this.retryAfter = found.retry_after_s ?? null;
  }

  /** Whether nobody answered, so that the same request may work in a moment. */
  get unreachable(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }

  static async from(response: Response): Promise<Problem> {
    const text = await response.text();
    try {
      return new Problem({ ...(JSON.parse(text) as Document), status: response.status });
    } catch {
      return new Problem({ status: response.status, detail: `${response.status} ${response.statusText}` });
    }
  }
}
