import type { Submitted } from "./types";

const base = "/api/v1";

/** An error that the server (or the network) gave, in the words of its problem document (RFC 9457). */
export class Problem extends Error {
  /** The last word of the problem's type, such as "unsupported-format"; "network" when nothing answered. */
  readonly type: string;
  /** HTTP status, 0 when nothing answered. */
  readonly status: number;
  readonly detail: string;
  /** Seconds that the server asked to wait, or null. */
  readonly retryAfter: number | null;

  constructor(fields: { type: string; status: number; detail: string; retryAfter?: number | null }) {
    super(fields.detail);
    this.name = "Problem";
    this.type = fields.type;
    this.status = fields.status;
    this.detail = fields.detail;
    this.retryAfter = fields.retryAfter ?? null;
  }
}

/** Reads whatever came with an error status: a problem document, or text from a proxy in between. */
export function problemFrom(status: number, body: string, retryAfter: string | null): Problem {
  const wait = Number.parseFloat(retryAfter ?? "");
  const rest = { status, retryAfter: Number.isFinite(wait) ? wait : null };
  try {
    const document = JSON.parse(body) as { type?: unknown; title?: unknown; detail?: unknown };
    const type = typeof document.type === "string" ? document.type : "";
    const detail = [document.detail, document.title].find((text) => typeof text === "string" && text !== "");
    return new Problem({
      type: type.split(/[/#:]/).pop() || String(status),
      detail: typeof detail === "string" ? detail : `HTTP ${status}`,
      ...rest,
    });
  } catch {
    return new Problem({ type: String(status), detail: `HTTP ${status}`, ...rest });
  }
}

export function networkProblem(): Problem {
  return new Problem({ type: "network", status: 0, detail: "" });
}

const loginKey = "cumulo.login";

/**
 * The session ended: the server answers a page without one with its login page, so loading the page again
 * is all there is to do. At most once in ten seconds, so that a refused API behind a served page cannot loop.
 */
function toLogin(): void {
  const last = Number(sessionStorage.getItem(loginKey) ?? 0);
  if (Date.now() - last > 10_000) {
    sessionStorage.setItem(loginKey, String(Date.now()));
    window.location.reload();
  }
}

function fail(status: number, body: string, retryAfter: string | null): Problem {
  if (status === 401) toLogin();
  return problemFrom(status, body, retryAfter);
}

/**
 * One JSON request to the API.
 *
 * :param path: below `/api/v1`, starting with a slash.
 * :throws Problem: for every status but 2xx, and when nothing answered.
 */
export async function request<T>(
  path: string,
  init: { method?: string; json?: unknown; signal?: AbortSignal } = {},
): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (init.json !== undefined) headers["Content-Type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(base + path, {
      method: init.method ?? "GET",
      headers,
      body: init.json === undefined ? null : JSON.stringify(init.json),
      signal: init.signal ?? null,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw networkProblem();
  }
  const text = await response.text();
  if (!response.ok) throw fail(response.status, text, response.headers.get("Retry-After"));
  try {
    return (text === "" ? undefined : JSON.parse(text)) as T;
  } catch {
    // A proxy's page with status 200 is no answer of ours.
    throw networkProblem();
  }
}

/** What goes with every photo of a batch. */
export interface PhotoFields {
  /** The pipeline as JSON. */
  pipeline: string;
  format: string | null;
  /** The batch to append to; null makes a new one. */
  batch: string | null;
  /** The pictures that steps of the pipeline name. */
  assets: readonly { name: string; file: File }[];
}

/**
 * Uploads one photo. XMLHttpRequest, because fetch does not tell how much of a body has been sent.
 *
 * :param onProgress: called with the share sent, from 0 to 1.
 * :throws Problem: as `request`; an AbortError when `signal` fires.
 */
export function sendPhoto(
  file: File,
  fields: PhotoFields,
  options: { signal: AbortSignal; onProgress: (share: number) => void },
): Promise<Submitted> {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    form.append("pipeline", fields.pipeline);
    if (fields.format !== null) form.append("format", fields.format);
    if (fields.batch !== null) form.append("batch", fields.batch);
    for (const asset of fields.assets) form.append("asset", asset.file, asset.name);
    form.append("image", file, file.name);

    const xhr = new XMLHttpRequest();
    const aborted = () => reject(new DOMException("upload stopped", "AbortError"));
    const abort = () => xhr.abort();
    xhr.open("POST", `${base}/jobs`);
    xhr.setRequestHeader("Accept", "application/json");
    xhr.upload.onprogress = (event) => {
      if (event.lengthComputable) options.onProgress(event.loaded / event.total);
    };
    xhr.onabort = aborted;
    xhr.onerror = () => reject(networkProblem());
    xhr.onload = () => {
      if (xhr.status >= 200 && xhr.status < 300) {
        try {
          resolve(JSON.parse(xhr.responseText) as Submitted);
        } catch {
          reject(networkProblem());
        }
      } else {
        reject(fail(xhr.status, xhr.responseText, xhr.getResponseHeader("Retry-After")));
      }
    };
    xhr.onloadend = () => options.signal.removeEventListener("abort", abort);
    if (options.signal.aborted) {
      aborted();
      return;
    }
    options.signal.addEventListener("abort", abort);
    xhr.send(form);
  });
}

const part = encodeURIComponent;

/** Addresses that the page gives to <img>, <a> and EventSource. */
export const address = {
  stream: `${base}/stream`,
  thumbnail: (job: string) => `${base}/jobs/${part(job)}/thumbnail`,
  input: (job: string) => `${base}/jobs/${part(job)}/input`,
  result: (job: string) => `${base}/jobs/${part(job)}/result`,
  download: (job: string) => `${base}/jobs/${part(job)}/result?download=1`,
  archive: (batch: string) => `${base}/batches/${part(batch)}/archive`,
};

export const path = {
  job: (id: string) => `/jobs/${part(id)}`,
  batch: (id: string, after: number) => `/batches/${part(id)}?after=${after}`,
  node: (id: string) => `/nodes/${part(id)}`,
};
